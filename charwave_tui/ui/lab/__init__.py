"""The main screen (screen.tcss beside it)."""
