"""From text to spans: tokenizer, windows, batches, engine and CRF."""
