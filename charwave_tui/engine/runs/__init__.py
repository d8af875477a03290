"""A run in memory: trainer, history, checkpoints and autosave."""
