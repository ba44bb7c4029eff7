"""Data: corpora, names, the lexicon, the vocabulary and the tagset."""
