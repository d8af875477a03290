"""The socket and the one thread."""
