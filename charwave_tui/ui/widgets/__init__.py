"""The parts of the lab screen, one widget a file."""
