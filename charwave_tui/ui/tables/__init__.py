"""Column layouts by width."""
