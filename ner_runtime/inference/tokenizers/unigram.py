"""Encode texts with the Unigram vocabulary of an XLM-RoBERTa model, `sentencepiece.bpe.model`.

XLM-RoBERTa models use one of two rules, and their manifest says which (`split`):

- `characters`: each code point is encoded separately. Most code points have two pieces, `▁` and the character.
- `words`: the whole text is encoded. A piece that begins with `▁`, the mark for white space, begins a word and gets its
  label; the word ends before the white space that follows it.

The library normalizes a text (NFKC, white space to one space) before it encodes it, so that a word can have other
characters than the text. Offsets refer to the text as given nevertheless. ModelScope searches for the pieces in the
text instead, and fails if it does not find one. Pieces in a text that look like control tokens, such as `</s>`, are
ordinary characters; ModelScope labels nothing after them.

Source: Hugging Face Transformers 4.57.6, `XLMRobertaTokenizer`; ModelScope 1.40.2,
`get_label_mask_and_offset_mapping_XLMRobertaTokenizer` in `token_classification_preprocessor.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sentencepiece import SentencePieceProcessor

from ner_runtime.errors import InvalidModel
from ner_runtime.inference.tokenizers.base import CharacterTokenizer, Encoding, Ids

CLS, PAD, SEP, UNK = 0, 1, 2, 3
"""Ids of the special pieces `<s>`, `<pad>`, `</s>` and `<unk>`, which stand before all others."""
OFFSET = 1
"""Id of a piece of the model minus its id in `sentencepiece.bpe.model`, whose special pieces are three, not four."""

_WORD_START = "▁"
_SPECIAL_PIECES = ("<unk>", "<s>", "</s>")
_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


class Vocabulary:
    """A Unigram vocabulary and its normalization. Safe to use from several threads."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor
        self.size = int(processor.get_piece_size()) + OFFSET
        """Number of pieces, special pieces included."""

    def encode(self, text: str) -> tuple[list[int], list[str]]:
        """Return the ids and the strings of the pieces of a text that has no lone surrogate."""
        encoded = self._processor.encode(text, return_type="offset_mapping")
        return [id_ + OFFSET if id_ else UNK for id_ in encoded["ids"]], encoded["pieces"]

    def normalize(self, text: str) -> tuple[str, list[int]]:
        """Return the normalized text, which is the concatenation of the pieces of a text.

        Also return, for each character of the normalized text and for its end, the position in `text`.
        """
        normalized, positions = self._processor.normalize(text, with_offsets=True)
        return normalized, positions


def open_vocabulary(path: Path) -> Vocabulary:
    """Read a `sentencepiece.bpe.model`.

    Raises:
        InvalidModel: the file is damaged, or its special pieces are not those of XLM-RoBERTa.
    """
    try:
        processor = SentencePieceProcessor(model_proto=path.read_bytes())
    except (RuntimeError, OSError):
        raise InvalidModel(f"{path} is not a sentencepiece model") from None
    special = tuple(processor.id_to_piece(index) for index in range(min(3, processor.get_piece_size())))
    if special != _SPECIAL_PIECES:
        raise InvalidModel(f"{path} begins with {', '.join(special)}; expected: {', '.join(_SPECIAL_PIECES)}")
    return Vocabulary(processor)


class UnigramTokenizer(CharacterTokenizer):
    """Encodes each code point of a text separately. Safe to use from several threads."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__(unk=UNK, cls=CLS, sep=SEP, pad=PAD)
        self._vocabulary = vocabulary

    def pieces_of(self, character: str) -> list[int]:
        """Return the pieces of a code point."""
        return self._vocabulary.encode(character)[0]


class UnigramWordTokenizer:
    """Encodes a whole text; each position is a word. Safe to use from several threads."""

    cls, sep, pad = CLS, SEP, PAD

    def __init__(self, vocabulary: Vocabulary, longest: int) -> None:
        """Build a tokenizer. It keeps at most `longest` pieces of the words that come from one code point.

        Usually, that is one word; the end of a longer one would not fit into the encoder.
        """
        self._vocabulary = vocabulary
        self._longest = longest

    def encode(self, text: str) -> Encoding:
        """Return the pieces of a text and the offsets of its words."""
        text = text.translate(_SURROGATES)
        ids, pieces = self._vocabulary.encode(text)
        starts = [index for index, piece in enumerate(pieces) if piece.startswith(_WORD_START)]
        offsets = self._offsets(text, pieces, starts)
        first = np.array(starts, dtype=np.int32)
        # Words that come from one code point are in one window, so they share its length.
        _, groups, words = np.unique(offsets[:, 0], return_index=True, return_counts=True)  # (groups,) each
        if np.diff(first[groups], append=len(ids)).max(initial=0) > self._longest:
            most = np.repeat(self._longest // words, words)  # (words,)
            return Encoding(*self._shortened(ids, starts, most.tolist()), offsets)
        return Encoding(np.array(ids, dtype=np.int32), first, offsets)

    def _offsets(self, text: str, pieces: list[str], starts: list[int]) -> Ids:
        """Return the start and the end of each word: (words, 2).

        If several words come from one code point, such as U+FDFA, only the last of them is not empty.
        """
        normalized, positions = self._vocabulary.normalize(text)
        ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)  # (pieces,)
        if "".join(pieces) != normalized:
            raise InvalidModel("the pieces of the sentencepiece model differ from its normalized text")
        begins = (ends[starts] - [len(pieces[start]) for start in starts]).astype(np.int64)  # (words,)
        stops = np.append(begins[1:], len(normalized)) if starts else begins  # (words,)
        position_of = np.array(positions, dtype=np.int32)
        after_mark = np.minimum(begins + len(_WORD_START), stops)
        return np.stack([position_of[after_mark], position_of[stops]], axis=1).reshape(-1, 2)

    def _shortened(self, ids: list[int], starts: list[int], most: list[int]) -> tuple[Ids, Ids]:
        """Keep at most the first `most` pieces of each word."""
        kept: list[int] = []
        first: list[int] = []
        for start, end, pieces in zip(starts, [*starts[1:], len(ids)], most, strict=True):
            first.append(len(kept))
            kept.extend(ids[start : min(end, start + pieces)])
        return np.array(kept, dtype=np.int32), np.array(first, dtype=np.int32)
