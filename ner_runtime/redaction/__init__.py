"""Redaction: replace the entities and the numbers of a text, and put the originals back."""
