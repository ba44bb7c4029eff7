"""Read annotated texts in the formats of other tools: doccano, Label Studio and CoNLL."""
