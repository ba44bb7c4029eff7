"""Build the vocabulary of the model, and encode texts as ids, one per code point.

As in RaNER, each code point is normalised alone (NFC, lower-case, accents stripped) and looked up. It becomes [UNK] if
the result is empty or unknown. No code point is dropped, and full-width forms are not converted.

    python -m training.data.vocabulary --data path/to/corpora
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers.normalizers import BertNormalizer

from ner_runtime.atomic_files import write_atomically
from training.data.script import to_traditional
from training.run import WORK

Ids = NDArray[np.int64]

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD, UNK, CLS, SEP, MASK = range(len(SPECIAL))

_CODE_POINTS = 0x110000
_UNSEEN = -1
# Traditional forms are rare in the texts but must be known: each gets this share of its simplified form's count.
_TRADITIONAL_SHARE = 0.02

_normalizer = BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True)


def normalize(character: str) -> str:
    """Return the piece of one code point; empty for white space, control characters and combining marks."""
    return _normalizer.normalize_str(character).strip()


class Vocabulary:
    """The pieces and their ids. The first five pieces are special."""

    def __init__(self, pieces: list[str]) -> None:
        """`pieces` must begin with those of SPECIAL, in the same order."""
        if tuple(pieces[: len(SPECIAL)]) != SPECIAL:
            raise ValueError(f"a vocabulary begins with {' '.join(SPECIAL)}")
        self.pieces = pieces
        self._id = {piece: index for index, piece in enumerate(pieces)}
        self._id_of_code_point = np.full(_CODE_POINTS, _UNSEEN, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.pieces)

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """Read a `vocab.txt`, which has one piece per line."""
        return cls(path.read_text(encoding="utf-8").rstrip("\n").split("\n"))

    def write(self, path: Path) -> None:
        write_atomically(path, "".join(f"{piece}\n" for piece in self.pieces).encode())

    def encode(self, text: str) -> Ids:
        """Return the ids of a text, without [CLS] and [SEP].

        Returns:
            (code points,)
        """
        code_points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")  # (code points,)
        ids = self._id_of_code_point[code_points]  # (code points,)
        unseen = ids == _UNSEEN  # (code points,)
        if unseen.any():
            for code_point in np.unique(code_points[unseen]).tolist():
                self._id_of_code_point[code_point] = self._look_up(code_point)
            ids = self._id_of_code_point[code_points]
        return ids

    def translation(self, table: dict[int, str]) -> Ids:
        """Convert a `str.translate` table of single characters into a table from id to id.

        Returns:
            (pieces,), the new id for each id; unchanged if the translated character is not in the vocabulary
        """
        ids = np.arange(len(self.pieces))  # (pieces,)
        for index, piece in enumerate(self.pieces[len(SPECIAL) :], start=len(SPECIAL)):
            ids[index] = self._id.get(piece.translate(table), index)
        return ids

    def _look_up(self, code_point: int) -> int:
        if 0xD800 <= code_point < 0xE000:
            return UNK
        return self._id.get(normalize(chr(code_point)), UNK)


def count_pieces(texts: Iterable[str]) -> Counter[str]:
    """Count the pieces of texts. Each character also adds a small share of its count to its traditional form."""
    characters: Counter[str] = Counter()
    for text in texts:
        characters.update(text)
    pieces: Counter[str] = Counter()
    for character, count in characters.items():
        for form, weight in ((character, 1.0), (to_traditional(character), _TRADITIONAL_SHARE)):
            piece = normalize(form)
            if len(piece) == 1:
                pieces[piece] += max(1, round(count * weight))
    return pieces


def build(texts: Iterable[str], size: int) -> Vocabulary:
    """Build a vocabulary of the `size` - 5 most frequent characters. Ties are broken by code point.

    ASCII and its full-width forms are always included, whether or not the corpora contain them.
    """
    counts = count_pieces(texts)
    always = [chr(code) for code in (*range(0x21, 0x7F), *range(0xFF01, 0xFF5F))]
    wanted = dict.fromkeys(normalize(character) for character in always)
    for piece, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if len(wanted) >= size - len(SPECIAL):
            break
        wanted[piece] = None
    return Vocabulary([*SPECIAL, *sorted(wanted)])


def main(arguments: Sequence[str] | None = None) -> None:
    from training.data.corpora import DATA, read_all_text

    parser = argparse.ArgumentParser(description="Build the character vocabulary from the corpora.")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder with ner/, raw/ and lexicons/")
    parser.add_argument("--size", type=int, default=7800, help="number of pieces, including the special ones")
    parser.add_argument("--output", type=Path, default=WORK / "vocab.txt")
    options = parser.parse_args(arguments)
    vocabulary = build(read_all_text(options.data), options.size)
    vocabulary.write(options.output)
    print(f"{len(vocabulary)} pieces in {options.output}")


if __name__ == "__main__":
    main()
