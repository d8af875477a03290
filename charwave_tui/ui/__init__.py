"""The screen: Textual panes over a stream of events, never torch."""
