"""The commands of the shell, their checks, and their output."""
