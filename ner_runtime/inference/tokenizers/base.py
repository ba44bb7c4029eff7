"""Convert a text into the piece ids of a model, and say which pieces get a label and where they stand in the text.

RaNER splits a text into code points and encodes each of them separately. The pieces of a code point therefore depend on
that code point only, and offsets always refer to the text as given. A code point that has no pieces of its own (white
space, control characters, variation selectors) becomes the unknown piece; no position is dropped. A literal `[SEP]` in
a text is treated as five characters; ModelScope treats it as a control token.

Some models label words or the pieces of the whole text instead of code points; see `unigram.py` and `wordpiece.py`.

Source: ModelScope 1.40.2, `modelscope/preprocessors/nlp/token_classification_preprocessor.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]

_CODE_POINTS = 0x110000
_SURROGATES = range(0xD800, 0xE000)
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
