"""All that is known of the terminal and of Textual's internals."""
