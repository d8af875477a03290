"""Training: the trainer, its step, evaluation and the diagnosis of divergence."""
