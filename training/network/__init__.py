"""Network: encoder, CRF and tagger, and the files that hold their weights."""
