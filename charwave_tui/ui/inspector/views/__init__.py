"""Views of single layers: pure functions from the data of a layer to lines of styled text."""
