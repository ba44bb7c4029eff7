"""Read and write a lexicon as two files of a model directory.

lexicon.trie   the folded entries, a MARISA trie
lexicon.npz    kinds: uint16 (entries,), indexed by an entry's number in the trie; folding: uint32 (2, characters);
               names: the names of the kinds, in the order of their bits
"""

from __future__ import annotations

import zlib
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import marisa_trie
import numpy as np

from ner_runtime.atomic_files import write_atomically
from ner_runtime.errors import InvalidModel
from ner_runtime.lexicon import KINDS_FILE, TRIE_FILE
from ner_runtime.lexicon.folding import from_arrays, to_arrays
from ner_runtime.lexicon.matcher import Matcher


def write_matcher(folder: Path, matcher: Matcher, names: tuple[str, ...]) -> None:
    """Write both files; `names` are the names of the kinds, in the order of their bits."""
    buffer = BytesIO()
    np.savez_compressed(buffer, kinds=matcher.kinds, folding=to_arrays(matcher.table), names=np.array(names))
    write_atomically(folder / KINDS_FILE, buffer.getvalue())
    write_atomically(folder / TRIE_FILE, matcher.trie.tobytes())


def read_matcher(folder: Path) -> Matcher:
    """Read the lexicon in a folder.

    Raises:
        InvalidModel: a file is missing or damaged.
    """
    try:
        with (folder / KINDS_FILE).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            kinds, table = arrays["kinds"], from_arrays(arrays["folding"])
        trie = marisa_trie.Trie()
        trie.load(str(folder / TRIE_FILE))
    except (OSError, KeyError, ValueError, RuntimeError, EOFError, BadZipFile, zlib.error) as error:
        raise InvalidModel(f"the lexicon in {folder} cannot be read: {error}") from None
    if len(trie) != len(kinds):
        raise InvalidModel(f"the lexicon in {folder} has {len(trie)} entries and the kinds of {len(kinds)}")
    return Matcher(trie, kinds, table)


def read_kinds(folder: Path) -> tuple[str, ...]:
    """Return the names of the kinds of entries, in the order of their bits."""
    with np.load(folder / KINDS_FILE, allow_pickle=False) as file:
        return tuple(file["names"].tolist())
