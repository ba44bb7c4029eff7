"""Words as tags: a kind and a place for every character."""

from __future__ import annotations

from training.words import KINDS, NO_WORD, TAGS, encode_words


def test_the_place_in_a_word_and_its_kind() -> None:
    noun, person = KINDS.index("n"), KINDS.index("PER")
    words = [("马云", "PER"), ("的", "u"), ("博物馆", "n")]
    tags = encode_words(words).tolist()
    assert tags[:2] == [4 * person, 4 * person + 2]
    assert tags[2] % 4 == 3
    assert tags[3:] == [4 * noun, 4 * noun + 1, 4 * noun + 2]


def test_a_kind_that_is_not_known_teaches_nothing() -> None:
    assert encode_words([("甲乙", "?")]).tolist() == [NO_WORD, NO_WORD]


def test_every_tag_fits_beside_the_one_for_nothing() -> None:
    assert len(KINDS) == len(set(KINDS))
    assert TAGS < NO_WORD
