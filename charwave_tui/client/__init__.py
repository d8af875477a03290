"""The client side: find or start an engine, send it commands, receive its events."""
