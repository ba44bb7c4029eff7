"""Words become one tag a character, of kind and position."""

from __future__ import annotations

from training.data.words import KINDS, NO_WORD, TAGS, encode_words


def test_a_tag_is_the_kind_and_the_position_in_the_word() -> None:
    noun, person = KINDS.index("n"), KINDS.index("PER")
    words = [("马云", "PER"), ("的", "u"), ("博物馆", "n")]
    tags = encode_words(words).tolist()
    assert tags[:2] == [4 * person, 4 * person + 2]
    assert tags[2] % 4 == 3
    assert tags[3:] == [4 * noun, 4 * noun + 1, 4 * noun + 2]


def test_an_unknown_kind_has_no_tag() -> None:
    assert encode_words([("甲乙", "?")]).tolist() == [NO_WORD, NO_WORD]


def test_every_tag_is_below_no_word() -> None:
    assert len(KINDS) == len(set(KINDS))
    assert TAGS < NO_WORD
