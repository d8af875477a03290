"""What everything else in the engine stands on."""
