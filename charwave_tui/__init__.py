"""A playground in the terminal for a character model that fuses its context in a tree."""

__version__ = "0.3.0"
