"""One layer from inside."""
