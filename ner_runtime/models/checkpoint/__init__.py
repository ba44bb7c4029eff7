"""Read published checkpoints safely."""
