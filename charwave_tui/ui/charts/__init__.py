"""Charts of losses over steps."""
