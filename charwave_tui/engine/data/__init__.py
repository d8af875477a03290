"""Corpora as tensors: datasets, loaders and dropout masks."""
