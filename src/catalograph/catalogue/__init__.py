"""The domain: records of the catalogue and questions over them. No I/O, no framework."""
