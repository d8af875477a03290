"""The terminal: its capabilities, input and output; everything that depends on the internals of Textual."""
