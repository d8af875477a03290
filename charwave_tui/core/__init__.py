"""What a run is: configuration, shapes, corpus and protocol, without torch and without Textual."""
