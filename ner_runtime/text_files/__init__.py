"""Read text files: compressed or not, in any encoding, line by line."""
