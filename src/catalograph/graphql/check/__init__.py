"""Documents before they run: parsing, limits, cost, validation."""
