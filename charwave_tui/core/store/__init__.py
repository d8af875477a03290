"""Runs on disk: a SQLite database and a folder of checkpoints for each run."""
