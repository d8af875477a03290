"""The way from a screen to an engine: find or start one, send commands, receive events."""
