"""Corpora as tensors."""
