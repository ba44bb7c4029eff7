"""Convert a text into the piece ids of a model, and say which pieces get a label and where they stand in the text.

RaNER splits a text into code points and encodes each of them separately. The pieces of a code point therefore depend on
that code point only, and offsets always refer to the text as given. A code point that has no pieces of its own (white
space, control characters, variation selectors) becomes the unknown piece; no position is dropped. A literal `[SEP]` in
a text is treated as five characters; ModelScope treats it as a control token.

BERT models use WordPiece (NFC, lower case, accents stripped; full-width forms are not converted). XLM-RoBERTa models
use a Unigram vocabulary, and some of them label words instead of code points; see `unigram.py`. Exports of AdaSeq label
the pieces of the whole text; see `WordPieceTextTokenizer`.

Source: ModelScope 1.40.2, `modelscope/preprocessors/nlp/token_classification_preprocessor.py`; AdaSeq 0.6.6,
`adaseq/data/preprocessors/nlp_preprocessor.py`.
"""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding as WordPieceEncoding
from tokenizers import Tokenizer as WordPieceModel
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from ner_runtime.errors import InvalidModel
from ner_runtime.manifest import Manifest

Ids = NDArray[np.int32]

_CODE_POINTS = 0x110000
_SURROGATES = range(0xD800, 0xE000)
_REPLACED = dict.fromkeys(_SURROGATES, "\ufffd")
_UNSEEN = -1
_SEVERAL = -2


class Encoding(NamedTuple):
    """The pieces of a text, without the special pieces at its ends."""

    ids: Ids
    """(pieces,)"""
    first: Ids
    """(positions,), the index in `ids` of the first piece of each position; this piece gets the label of the position.

    A position is a code point, or, depending on the model, a word or a piece of the whole text.
    """
    offsets: Ids | None = None
    """(positions, 2), start and end (exclusive) of each position in code points; None if it is a code point."""


class Tokenizer(Protocol):
    """Interface of the tokenizers. `cls` and `sep` stand at the ends of each window, `pad` fills up a batch."""

    cls: int
    sep: int
    pad: int

    def encode(self, text: str) -> Encoding:
        """Return the pieces of a text."""
        ...


class CharacterTokenizer(ABC):
    """Encodes each code point of a text separately. Safe to use from several threads."""

    def __init__(self, *, unk: int, cls: int, sep: int, pad: int) -> None:
        """Build a tokenizer with the ids of the special pieces."""
        self.unk, self.cls, self.sep, self.pad = unk, cls, sep, pad
        # Indexed by code point: if each code point of a text has one piece, a single array look-up encodes the text.
        self._piece = np.full(_CODE_POINTS, _UNSEEN, dtype=np.int32)
        self._pieces: dict[int, list[int]] = {}

    @abstractmethod
    def pieces_of(self, character: str) -> list[int]:
        """Return the pieces of a code point that is not a surrogate; empty if it has none."""

    def encode(self, text: str) -> Encoding:
        """Return the pieces of a text. Each position is a code point."""
        code_points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")  # (code points,)
        ids = self._piece[code_points]  # (code points,)
        if ids.min(initial=0) < 0:
            for code_point in np.unique(code_points[ids == _UNSEEN]).tolist():
                self._learn(code_point)
            ids = self._piece[code_points]
            if (ids == _SEVERAL).any():
                return self._encode_several(code_points.tolist(), ids.tolist())
        return Encoding(ids, np.arange(len(ids), dtype=np.int32))

    def _encode_several(self, code_points: list[int], ids: list[int]) -> Encoding:
        pieces: list[int] = []
        first: list[int] = []
        for code_point, id_ in zip(code_points, ids, strict=True):
            first.append(len(pieces))
            if id_ == _SEVERAL:
                pieces.extend(self._pieces[code_point])
            else:
                pieces.append(id_)
        return Encoding(np.array(pieces, dtype=np.int32), np.array(first, dtype=np.int32))

    def _learn(self, code_point: int) -> None:
        # The libraries accept no lone surrogate.
        pieces = [] if code_point in _SURROGATES else self.pieces_of(chr(code_point))
        if len(pieces) > 1:
            # Set the pieces first: another thread reads them as soon as it sees `_SEVERAL`.
            self._pieces[code_point] = pieces
            self._piece[code_point] = _SEVERAL
        else:
            self._piece[code_point] = pieces[0] if pieces else self.unk


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
        whole = self._vocabulary.encode(text.translate(_REPLACED))
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
    from ner_runtime.inference.unigram import UnigramTokenizer, UnigramWordTokenizer, open_vocabulary

    vocabulary = open_vocabulary(path)
    if manifest.split == "characters":
        return UnigramTokenizer(vocabulary)
    return UnigramWordTokenizer(vocabulary, manifest.geometry.longest)
