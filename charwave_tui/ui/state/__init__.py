"""Frozen state and reducers: no widgets."""
