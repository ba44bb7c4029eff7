"""Vary the training sentences, and turn them into batches."""
