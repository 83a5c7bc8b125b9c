"""A GraphQL gateway over an AI-model catalogue that speaks REST."""

__version__ = "0.1.0"
