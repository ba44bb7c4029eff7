"""Write the model card, draw learning curves, and score a model on rewritten text."""
