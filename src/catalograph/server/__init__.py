"""The server process: uvicorn with bounds, start and shutdown, workers, garbage collection."""
