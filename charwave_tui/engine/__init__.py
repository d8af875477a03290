"""The process that owns the model: training, probing, sampling and the socket they are reached by."""
