"""The columns and cells of tables."""
