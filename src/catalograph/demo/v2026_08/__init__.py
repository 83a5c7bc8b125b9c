"""The embedded upstream as the service answers since August 2026."""
