"""The catalogue as a graph."""
