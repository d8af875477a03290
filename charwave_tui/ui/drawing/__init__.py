"""Text and cells, no widgets."""
