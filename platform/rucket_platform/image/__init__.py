"""Builds the container image. Wheels are installed here, outside; the engine only copies."""
