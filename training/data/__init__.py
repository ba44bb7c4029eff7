"""Prepare the training data: corpora, names, lexicon, vocabulary and tagset."""
