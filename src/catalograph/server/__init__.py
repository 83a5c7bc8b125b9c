"""The process: uvicorn within bounds, start and stop, workers, garbage collection."""
