"""Sampling names, scoring words, and finding corpus words near a name."""
