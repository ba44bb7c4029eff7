"""Open the tokenizer of a model directory."""

from __future__ import annotations

from pathlib import Path

from ner_runtime.inference.tokenizers.base import Tokenizer
from ner_runtime.inference.tokenizers.wordpiece import WordPieceTextTokenizer, WordPieceTokenizer, WordPieceVocabulary
from ner_runtime.manifest import Manifest


def open_tokenizer(directory: Path, manifest: Manifest) -> Tokenizer:
    """Open the tokenizer that the manifest of a model directory declares.

    Raises:
        InvalidModel: the vocabulary is damaged, or a special piece is missing.
    """
    path = directory / manifest.vocabulary_file
    if manifest.tokenizer == "wordpiece":
        wordpieces = WordPieceVocabulary.from_file(path, lowercase=manifest.lowercase)
        return WordPieceTextTokenizer(wordpieces) if manifest.split == "pieces" else WordPieceTokenizer(wordpieces)
    # BERT models do not need the library of Unigram models in memory.
    from ner_runtime.inference.tokenizers.unigram import UnigramTokenizer, UnigramWordTokenizer, open_vocabulary

    vocabulary = open_vocabulary(path)
    if manifest.split == "characters":
        return UnigramTokenizer(vocabulary)
    return UnigramWordTokenizer(vocabulary, manifest.geometry.longest)
