"""Word lists: reading, hints, registry, download."""
