"""What a run is: configuration, metrics, corpus, protocol and store, without torch and without Textual."""
