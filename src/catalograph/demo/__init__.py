"""The embedded upstream: a catalogue of real models and the ASGI app that serves it."""
