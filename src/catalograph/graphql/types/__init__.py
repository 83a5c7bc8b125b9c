"""One module for each GraphQL type."""
