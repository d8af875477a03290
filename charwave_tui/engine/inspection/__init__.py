"""What the inspector shows of the layers: statistics and insights from a captured pass."""
