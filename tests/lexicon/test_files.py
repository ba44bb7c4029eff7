"""A lexicon is written to two files and read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ner_runtime.errors import InvalidModel
from ner_runtime.lexicon import KINDS_FILE, TRIE_FILE
from ner_runtime.lexicon.files import read_kinds, read_matcher, write_matcher
from ner_runtime.lexicon.folding import base_table
from ner_runtime.lexicon.matcher import Matcher


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_matcher(tmp_path, Matcher.build({"北京": 1, "小米": 6}, base_table()), ("place", "organisation", "word"))
    return tmp_path


def test_it_finds_the_same_after_storage(folder: Path) -> None:
    assert read_matcher(folder).find("小米在北京") == Matcher.build({"北京": 1, "小米": 6}, base_table()).find(
        "小米在北京"
    )
    assert read_kinds(folder) == ("place", "organisation", "word")


@pytest.mark.parametrize("file", [TRIE_FILE, KINDS_FILE])
def test_a_missing_file_is_an_error_that_names_the_folder(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(InvalidModel, match=f"the lexicon in {folder} cannot be read"):
        read_matcher(folder)


def test_a_damaged_trie_is_an_error(folder: Path) -> None:
    (folder / TRIE_FILE).write_bytes(b"not a trie")
    with pytest.raises(InvalidModel, match="cannot be read"):
        read_matcher(folder)


@pytest.mark.parametrize("kept", [0, 40, -40])
def test_truncated_kinds_are_an_error(folder: Path, kept: int) -> None:
    (folder / KINDS_FILE).write_bytes((folder / KINDS_FILE).read_bytes()[:kept])
    with pytest.raises(InvalidModel, match="cannot be read"):
        read_matcher(folder)


def test_a_damaged_byte_of_the_kinds_is_an_error(folder: Path) -> None:
    content = (folder / KINDS_FILE).read_bytes()
    for position in range(60, 100):
        changed = bytes([content[position] ^ 0xFF])
        (folder / KINDS_FILE).write_bytes(content[:position] + changed + content[position + 1 :])
        with pytest.raises(InvalidModel, match="cannot be read"):
            read_matcher(folder)


def test_entries_and_kinds_must_be_as_many(folder: Path) -> None:
    with np.load(folder / KINDS_FILE) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(folder / KINDS_FILE, **(arrays | {"kinds": arrays["kinds"][:1]}))
    with pytest.raises(InvalidModel, match="has 2 entries and the kinds of 1"):
        read_matcher(folder)
