"""The sampler: what the model says, character by character, and what a person does with it."""
