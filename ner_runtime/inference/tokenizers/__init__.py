"""Texts to piece ids: WordPiece for BERT models, Unigram for XLM-RoBERTa models."""
