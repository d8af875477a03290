"""All runs."""
