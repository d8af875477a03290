"""The inspector: a screen that shows one layer of the active run."""
