"""HTTP: GraphQL over HTTP, the explorer, health and metrics."""
