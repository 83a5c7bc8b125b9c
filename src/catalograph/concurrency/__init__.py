"""Building blocks for concurrent work, independent of the catalogue."""
