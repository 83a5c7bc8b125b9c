"""The caches: memory, shared cache (Redis), refreshing; only this package imports aiocache."""
