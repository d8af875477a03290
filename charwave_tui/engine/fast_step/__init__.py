"""The fast step: the mathematics of the plain one, written out by hand on rows that are computed once."""
