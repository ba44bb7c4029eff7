"""Lexicons: lists of names and words, and where their entries occur in a text.

This module holds what a manifest needs to know, and imports nothing.
"""

TRIE_FILE = "lexicon.trie"
KINDS_FILE = "lexicon.npz"
LEXICON_FILES = (TRIE_FILE, KINDS_FILE)

MAX_KINDS = 16
"""Kinds of entries at most: each is a bit of an entry's mask."""
