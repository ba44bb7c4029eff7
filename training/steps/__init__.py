"""Steps: the commands that turn data into a model."""
