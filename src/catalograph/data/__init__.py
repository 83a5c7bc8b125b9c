"""Pages and the index, from the cache or the upstream, for one operation at a time."""
