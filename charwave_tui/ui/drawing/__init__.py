"""Drawing of text and character cells, without widgets."""
