"""What is inside one layer, worked out from a look at the whole model: a module for each kind of layer."""
