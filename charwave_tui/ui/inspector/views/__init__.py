"""The views of single layers: what each kind shows, as lines of text made by pure functions."""
