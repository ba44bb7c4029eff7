"""Import checkpoints from directories and from the model hub."""
