"""How texts and entries are compared."""

from __future__ import annotations

import sys

from hypothesis import given

from ner_runtime.lexicon.user.patterns import FOLDING, FoldedText, pattern
from tests.support.texts.strategies import any_text


def test_width_case_hyphens_spaces_and_middle_dots_are_folded() -> None:
    assert pattern("ＡＢ\u3000Ｃ‐约翰・史密斯") == pattern("ab c-约翰·史密斯")


def test_words_and_numbers_begin_and_end_with_a_mark() -> None:
    assert pattern("京东AI研究院") == "京东\x01ai\x01研究院"
    assert pattern("百度") == "百度"
    assert pattern("A\n百") == "\x01a\x01\n百"


@given(any_text)
def test_offsets_refer_to_the_text_as_given(text: str) -> None:
    folded = FoldedText(text)
    assert len(folded.folded) == len(text)
    plain = [(folded.offset(at), char) for at, char in enumerate(folded.marked) if char != "\x01"]
    assert plain == list(enumerate(folded.folded))
    assert folded.offset(len(folded.marked)) == len(text)


def test_the_words_of_a_text_are_those_of_its_folded_form() -> None:
    every = "".join(f"中{chr(code)}" for code in range(sys.maxunicode + 1))
    assert FoldedText(every).marked == pattern(every)


@given(any_text)
def test_marks_are_where_the_folded_text_has_them(text: str) -> None:
    folded = FoldedText(text)
    assert folded.marked == pattern(text) == folded.unfolded.translate(FOLDING)
