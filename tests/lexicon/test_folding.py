"""Entries and texts are compared without regard to case, width, script and kind of middle dot."""

from __future__ import annotations

import pytest

from ner_runtime.lexicon.folding import MIDDLE_DOTS, base_table, from_arrays, to_arrays, with_script


@pytest.mark.parametrize(
    ("text", "folded"),
    [("ABC", "abc"), ("ＡＢＣ１２３", "abc123"), ("约翰•史密斯", "约翰·史密斯"), ("É", "é"), ("北京", "北京")],
)
def test_text_is_folded(text: str, folded: str) -> None:
    assert text.translate(base_table()) == folded


def test_every_middle_dot_folds_to_one() -> None:
    assert MIDDLE_DOTS.translate(base_table()) == "·" * len(MIDDLE_DOTS)


def test_traditional_script_folds_to_simplified() -> None:
    assert "臺灣ＴＷ".translate(with_script({ord("臺"): "台", ord("灣"): "湾"})) == "台湾tw"


def test_folding_keeps_the_length_of_every_character() -> None:
    every = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    assert len(every.translate(base_table())) == len(every)


def test_a_table_survives_storage() -> None:
    assert from_arrays(to_arrays(base_table())) == base_table()
