"""Models: read checkpoints, convert them, store them, and download them from the hub."""
