"""The network: layers, models built from them, and their forward pass over prefixes."""
