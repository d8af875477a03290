"""A training step without autograd: hand-written forward and backward passes on preallocated buffers."""
