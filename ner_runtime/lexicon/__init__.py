"""Lexicons: lists of names and words that are matched in texts.

This module defines the constants that `manifest.py` needs. It imports nothing.
"""

TRIE_FILE = "lexicon.trie"
KINDS_FILE = "lexicon.npz"
LEXICON_FILES = (TRIE_FILE, KINDS_FILE)

MAX_KINDS = 16
"""Maximum number of kinds of entries. Each kind is one bit of an entry's mask."""
