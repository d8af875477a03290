"""Optimizers, learning rate schedules and update ratios."""
