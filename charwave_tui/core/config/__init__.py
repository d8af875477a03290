"""Configuration values, each declared once."""
