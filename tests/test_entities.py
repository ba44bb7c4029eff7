from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.entities import Entity, at_least, type_colors, utf16_offsets


@given(st.text(st.characters()))
def test_utf16_offsets_select_the_same_text_as_in_javascript(text: str) -> None:
    units = text.encode("utf-16-le", "surrogatepass")
    offsets = utf16_offsets(text)
    assert offsets[-1] * 2 == len(units)
    for index, char in enumerate(text):
        assert units[offsets[index] * 2 : offsets[index + 1] * 2] == char.encode("utf-16-le", "surrogatepass")


def test_characters_outside_the_bmp_count_twice() -> None:
    assert utf16_offsets("𠮷野家") == [0, 2, 3, 4]


def test_colours_default_or_from_the_model() -> None:
    assert type_colors(["PER", "LOC", "ORG", "TIME"]) == {"PER": "red", "LOC": "cyan", "ORG": "yellow", "TIME": "white"}
    assert type_colors(["PER", "TIME"], {"TIME": "lime"}) == {"PER": "red", "TIME": "lime"}


def test_a_minimum_score_does_not_drop_what_a_lexicon_determines() -> None:
    uncertain, certain = Entity("PER", "马云", 0, 2, 0.3), Entity("PER", "马云", 0, 2, 0.5)
    from_lexicon = Entity("PER", "马云", 0, 2, 0.1, "lexicon")
    assert at_least([uncertain, certain, from_lexicon], 0.5) == [certain, from_lexicon]
