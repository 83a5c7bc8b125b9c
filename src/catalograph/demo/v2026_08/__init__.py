"""The embedded upstream in the version of August 2026."""
