"""A model's life: read a checkpoint, convert it, keep it in the store, fetch it from the hub."""
