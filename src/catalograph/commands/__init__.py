"""The command line: commands, the checks of `catalograph check`, and output."""
