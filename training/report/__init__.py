"""Report: the model card, learning curves and scores of rewritten text."""
