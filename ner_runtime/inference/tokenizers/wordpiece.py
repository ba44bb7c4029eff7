"""Encode texts with the WordPiece vocabulary of a BERT model, `vocab.txt`.

Texts are normalized first: NFC, lower case, accents stripped; full-width forms are not converted. RaNER encodes each
code point separately (`WordPieceTokenizer`), AdaSeq the whole text (`WordPieceTextTokenizer`).

Source: ModelScope 1.40.2, `modelscope/preprocessors/nlp/token_classification_preprocessor.py`; AdaSeq 0.6.6,
`adaseq/data/preprocessors/nlp_preprocessor.py`.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
from tokenizers import Encoding as WordPieceEncoding
from tokenizers import Tokenizer as WordPieceModel
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from ner_runtime.errors import InvalidModel
from ner_runtime.inference.tokenizers.base import CharacterTokenizer, Encoding

_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


class WordPieceVocabulary:
    """A WordPiece vocabulary and its normalization. Safe to use from several threads."""

    def __init__(self, vocabulary: dict[str, int], *, lowercase: bool) -> None:
        """Build a vocabulary.

        Args:
            vocabulary: id of each piece; must contain [UNK], [CLS] and [SEP]
            lowercase: convert to lower case and strip accents

        Raises:
            InvalidModel: [UNK], [CLS] or [SEP] is missing.
        """
        missing = [piece for piece in ("[UNK]", "[CLS]", "[SEP]") if piece not in vocabulary]
        if missing:
            raise InvalidModel(f"the vocabulary has no {', '.join(missing)}")
        self.unk, self.cls, self.sep = (vocabulary[piece] for piece in ("[UNK]", "[CLS]", "[SEP]"))
        self.pad = vocabulary.get("[PAD]", 0)
        self._model = WordPieceModel(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))  # noqa: S106
        self._model.normalizer = BertNormalizer(
            clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=lowercase
        )
        self._model.pre_tokenizer = BertPreTokenizer()

    @classmethod
    def from_file(cls, path: Path, *, lowercase: bool) -> WordPieceVocabulary:
        """Read a `vocab.txt`: one piece per line; the id is the line number, starting at 0.

        Raises:
            InvalidModel: the file is not UTF-8, or a special piece is missing.
        """
        try:
            lines = path.read_bytes().decode("utf-8").split("\n")
        except UnicodeDecodeError:
            raise InvalidModel(f"{path} is not UTF-8") from None
        if lines[-1] == "":
            lines.pop()
        return cls({line.rstrip("\r"): index for index, line in enumerate(lines)}, lowercase=lowercase)

    def encode(self, text: str) -> WordPieceEncoding:
        """Encode a text that has no lone surrogate. `ids`, `tokens` and `offsets` of the result are lists."""
        return self._model.encode(text, add_special_tokens=False)


class WordPieceTokenizer(CharacterTokenizer):
    """Encodes each code point of a text with WordPiece, for BERT models. Safe to use from several threads."""

    def __init__(self, vocabulary: WordPieceVocabulary) -> None:
        super().__init__(unk=vocabulary.unk, cls=vocabulary.cls, sep=vocabulary.sep, pad=vocabulary.pad)
        self._vocabulary = vocabulary

    def pieces_of(self, character: str) -> list[int]:
        """Return the pieces of a code point."""
        # ModelScope applies NFC; BertNormalizer does not.
        return self._vocabulary.encode(unicodedata.normalize("NFC", character)).ids


class WordPieceTextTokenizer:
    """Encodes a whole text with WordPiece, as AdaSeq does; each piece is a position. Safe to use from several threads.

    AdaSeq encodes the string of each piece again: `##ing` becomes `#`, `#` and `ing`, and `#` gets the label.
    """

    def __init__(self, vocabulary: WordPieceVocabulary) -> None:
        self.cls, self.sep, self.pad = vocabulary.cls, vocabulary.sep, vocabulary.pad
        self._vocabulary = vocabulary
        self._again: dict[str, list[int]] = {"[UNK]": [vocabulary.unk]}

    def encode(self, text: str) -> Encoding:
        """Return the pieces of a text and the offsets of those that get a label."""
        whole = self._vocabulary.encode(text.translate(_SURROGATES))
        ids: list[int] = []
        first: list[int] = []
        for token in whole.tokens:
            first.append(len(ids))
            ids.extend(self._encode_again(token))
        offsets = np.array(whole.offsets, dtype=np.int32).reshape(-1, 2)
        return Encoding(np.array(ids, dtype=np.int32), np.array(first, dtype=np.int32), offsets)

    def _encode_again(self, token: str) -> list[int]:
        pieces = self._again.get(token)
        if pieces is None:
            pieces = self._vocabulary.encode(token).ids or [self._vocabulary.unk]
            self._again[token] = pieces
        return pieces
