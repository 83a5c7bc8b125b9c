"""`python -m catalograph` is the `catalograph` command."""

from catalograph.cli import main

if __name__ == "__main__":
    main()
