"""Pictures of units, weights and the tree, drawn by the views."""
