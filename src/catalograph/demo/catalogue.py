"""The embedded catalogue: read from its data file."""

from catalograph.demo.rows import StoredModel


def load_catalogue() -> list[StoredModel]:
    """Read the embedded models."""
    return []
