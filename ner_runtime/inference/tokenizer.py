"""Tokenizer: a text to pieces, one Unicode code point at a time.

RaNER splits a text into code points and runs WordPiece on each alone (NFC, lower-case, strip accents), so that pieces
are a pure function of one code point and every offset is an offset of the text as given. A code point of which nothing
is left (white space, controls, variation selectors) becomes [UNK]; no position is ever dropped. Full-width forms are
not folded. A literal `[SEP]` in a text is ordinary characters, where upstream takes it for a control token.

Source: ModelScope 1.40.2, `modelscope/preprocessors/token_classification_preprocessor.py`.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer as WordPieceTokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from ner_runtime.errors import InvalidModel

Ids = NDArray[np.int32]

_CODE_POINTS = 0x110000
_SURROGATES = range(0xD800, 0xE000)
_UNSEEN = -1
_SEVERAL = -2


class Tokenizer:
    """Pieces of a vocabulary. Threads may share it: what two learn of a code point at once is the same."""

    def __init__(self, vocabulary: dict[str, int], *, lowercase: bool) -> None:
        """`vocabulary` maps a piece to its id; it must hold [UNK], [CLS] and [SEP].

        Raises:
            InvalidModel: one of the three is missing.
        """
        missing = [piece for piece in ("[UNK]", "[CLS]", "[SEP]") if piece not in vocabulary]
        if missing:
            raise InvalidModel(f"the vocabulary has no {', '.join(missing)}")
        self.unk, self.cls, self.sep = (vocabulary[piece] for piece in ("[UNK]", "[CLS]", "[SEP]"))
        self.pad = vocabulary.get("[PAD]", 0)
        self._word_piece = WordPieceTokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))  # noqa: S106
        self._word_piece.normalizer = BertNormalizer(
            clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=lowercase
        )
        self._word_piece.pre_tokenizer = BertPreTokenizer()
        # The piece of every code point that has exactly one: a text is then one array look-up.
        self._piece = np.full(_CODE_POINTS, _UNSEEN, dtype=np.int32)
        self._pieces: dict[int, list[int]] = {}

    @classmethod
    def from_file(cls, path: Path, *, lowercase: bool) -> Tokenizer:
        """Read a `vocab.txt`: one piece a line, its id the number of the line.

        Raises:
            InvalidModel: the file is not UTF-8, or lacks a special piece.
        """
        try:
            lines = path.read_bytes().decode("utf-8").split("\n")
        except UnicodeDecodeError:
            raise InvalidModel(f"{path} is not UTF-8") from None
        if lines[-1] == "":
            lines.pop()
        return cls({line.rstrip("\r"): index for index, line in enumerate(lines)}, lowercase=lowercase)

    def encode(self, text: str) -> tuple[Ids, Ids]:
        """Pieces of a text, without [CLS] and [SEP].

        Returns:
            ids: (pieces,)
            first: (code points,), the index in `ids` of each code point's first piece, which carries its label
        """
        code_points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")  # (code points,)
        ids = self._piece[code_points]  # (code points,)
        if (ids == _UNSEEN).any():
            for code_point in np.unique(code_points[ids == _UNSEEN]).tolist():
                self._learn(code_point)
            ids = self._piece[code_points]
        if (ids == _SEVERAL).any():
            return self._encode_several(code_points.tolist(), ids.tolist())
        return ids, np.arange(len(ids), dtype=np.int32)

    def _encode_several(self, code_points: list[int], ids: list[int]) -> tuple[Ids, Ids]:
        pieces: list[int] = []
        first: list[int] = []
        for code_point, id_ in zip(code_points, ids, strict=True):
            first.append(len(pieces))
            if id_ == _SEVERAL:
                pieces.extend(self._pieces[code_point])
            else:
                pieces.append(id_)
        return np.array(pieces, dtype=np.int32), np.array(first, dtype=np.int32)

    def _learn(self, code_point: int) -> None:
        # `tokenizers` is Rust, whose strings cannot hold a lone surrogate.
        pieces: list[int] = []
        if code_point not in _SURROGATES:
            # NFC is upstream's, and not part of BertNormalizer, which decomposes only where it strips accents.
            character = unicodedata.normalize("NFC", chr(code_point))
            pieces = self._word_piece.encode(character, add_special_tokens=False).ids
        if len(pieces) > 1:
            # First, since another thread looks here once it reads that there are several.
            self._pieces[code_point] = pieces
            self._piece[code_point] = _SEVERAL
        else:
            self._piece[code_point] = pieces[0] if pieces else self.unk
