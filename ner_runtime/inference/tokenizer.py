"""Convert a text into WordPiece ids, one Unicode code point at a time.

RaNER splits a text into code points and runs WordPiece on each of them separately (NFC, lower case, accents stripped).
The pieces of a code point therefore depend on that code point only, and offsets always refer to the text as given. A
code point that normalization removes (white space, control characters, variation selectors) becomes [UNK]; no position
is dropped. Full-width forms are not converted. A literal `[SEP]` in a text is treated as five characters; ModelScope
treats it as a control token.

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
    """A WordPiece tokenizer for single code points. Safe to use from several threads."""

    def __init__(self, vocabulary: dict[str, int], *, lowercase: bool) -> None:
        """Build a tokenizer.

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
        self._word_piece = WordPieceTokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))  # noqa: S106
        self._word_piece.normalizer = BertNormalizer(
            clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=lowercase
        )
        self._word_piece.pre_tokenizer = BertPreTokenizer()
        # Indexed by code point: if each code point of a text has one piece, a single array look-up encodes the text.
        self._piece = np.full(_CODE_POINTS, _UNSEEN, dtype=np.int32)
        self._pieces: dict[int, list[int]] = {}

    @classmethod
    def from_file(cls, path: Path, *, lowercase: bool) -> Tokenizer:
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

    def encode(self, text: str) -> tuple[Ids, Ids]:
        """Return the pieces of a text, without [CLS] and [SEP].

        Returns:
            ids: (pieces,)
            first: (code points,), the index in `ids` of the first piece of each code point; this piece gets its label
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
        # `tokenizers` is written in Rust, whose strings cannot contain a lone surrogate.
        pieces: list[int] = []
        if code_point not in _SURROGATES:
            # ModelScope applies NFC; BertNormalizer does not.
            character = unicodedata.normalize("NFC", chr(code_point))
            pieces = self._word_piece.encode(character, add_special_tokens=False).ids
        if len(pieces) > 1:
            # Set the pieces first: another thread reads them as soon as it sees `_SEVERAL`.
            self._pieces[code_point] = pieces
            self._piece[code_point] = _SEVERAL
        else:
            self._piece[code_point] = pieces[0] if pieces else self.unk
