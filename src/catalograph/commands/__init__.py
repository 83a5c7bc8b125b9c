"""What a person runs: the commands, their checks, and what they print."""
