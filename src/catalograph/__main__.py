"""`python -m catalograph` is the `catalograph` command."""

from catalograph.commands.cli import main

if __name__ == "__main__":
    main()
