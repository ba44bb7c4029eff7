"""The lexicon is built from the lists, each entry with its kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from ner_runtime.lexicon.files import read_kinds, read_matcher
from training.data import lexicon
from training.data.lexicon import KINDS, NAMES, WORDS, collect

JIEBA = "今天 500 t\n参观 40 v\n张小明 3 nr\n青山市 20 ns\n罕见 1 a\n南湖 9 n\n"


@pytest.fixture(scope="module")
def jieba(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("jieba") / "dict.txt"
    path.write_text(JIEBA, encoding="utf-8")
    return path


def kinds_in(entries: dict[str, int], entry: str) -> set[str]:
    return {kind for bit, kind in enumerate(KINDS) if entries.get(entry, 0) >> bit & 1}


@pytest.fixture(scope="module")
def entries(data: Path, jieba: Path) -> dict[str, int]:
    return collect(data / "lexicons", jieba)


def test_an_entry_has_the_kind_of_each_list_that_it_is_in(entries: dict[str, int]) -> None:
    assert {"person_known", "person", "person_rare"} <= kinds_in(entries, "张小明")
    assert {"place_division", "place"} <= kinds_in(entries, "青山市")


def test_frequent_and_other_words_are_told_apart(entries: dict[str, int]) -> None:
    assert kinds_in(entries, "今天") == {"word_common"}
    assert kinds_in(entries, "参观") == {"word"}
    assert "罕见" not in entries


def test_names_that_are_also_places_or_words_are_ambiguous(entries: dict[str, int]) -> None:
    assert kinds_in(entries, "青山") == {"org_ambiguous"}
    assert kinds_in(entries, "白河科技") == {"org_modern"}


def test_common_words_of_the_gazetteer_are_left_out(entries: dict[str, int]) -> None:
    assert "place" not in kinds_in(entries, "南湖")


def test_every_kind_but_popularity_is_a_name_or_a_word() -> None:
    assert NAMES & WORDS == 0
    assert (1 << KINDS.index("popular")) - 1 == NAMES | WORDS


def test_the_command_writes_a_lexicon(data: Path, jieba: Path, tmp_path: Path) -> None:
    lexicon.main(["--data", str(data), "--jieba", str(jieba), "--output", str(tmp_path)])
    assert read_kinds(tmp_path) == KINDS
    assert {(match.start, match.end) for match in read_matcher(tmp_path).find("在青山市。")} >= {(1, 4)}
