"""Recoding texts into shorter UTF-8."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.lexicon.user.alphabet import alphabet_of

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), min_size=1)


@given(TEXTS)
def test_recoded_texts_are_equal_where_the_texts_are(texts: list[str]) -> None:
    alphabet = alphabet_of(texts, {})
    assert alphabet is not None
    recoded = alphabet.recode_all(texts)
    back = {alphabet.recode(character): character for text in texts for character in text}
    assert ["".join(back[code] for code in text) for text in recoded] == texts


def test_frequent_characters_take_one_byte_and_unknown_ones_become_zero() -> None:
    alphabet = alphabet_of(["北京北京", "京城"], {})
    assert alphabet is not None
    assert len(alphabet.recode("京北城").encode()) == 3
    assert alphabet.recode("沪\ud800\U0010ffff") == "\x00\x00\x00"


def test_texts_are_folded_when_they_are_recoded() -> None:
    alphabet = alphabet_of(["ab"], {ord("Ａ"): ord("a"), ord("Ｃ"): ord("c")})
    assert alphabet is not None
    assert alphabet.recode("ＡbＣ") == alphabet.recode("abc")


def test_texts_with_more_characters_than_codes_have_no_alphabet() -> None:
    every = [chr(code) for code in range(0x20, sys.maxunicode) if not 0xD800 <= code < 0xE000]
    assert alphabet_of(["".join(every)], {}) is None
