"""The commands that turn the training data into a model, one module per step."""
