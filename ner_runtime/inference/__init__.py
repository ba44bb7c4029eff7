"""Find spans in texts: tokenizer, windows, batches, engine and CRF."""
