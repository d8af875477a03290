"""A run as the engine holds it."""
