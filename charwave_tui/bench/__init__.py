"""Measurements of training and of the playground, interleaved with baselines in one run."""
