"""Building blocks for work that is shared, bounded or broken up; they know nothing of the catalogue."""
