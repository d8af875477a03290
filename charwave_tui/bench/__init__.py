"""Measurements of the playground, side by side in one run."""
