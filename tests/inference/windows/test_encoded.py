from ner_runtime.inference.windows.encoded import holds_whole_words
from tests.support.texts.windows import words_of


def test_part_that_cuts_a_word() -> None:
    offsets = words_of("Anna Miller (London)")
    assert holds_whole_words(offsets, 0, 11)
    assert holds_whole_words(offsets, 4, 12)
    assert not holds_whole_words(offsets, 0, 8)
    assert not holds_whole_words(offsets, 13, 19)
    assert not holds_whole_words(offsets, 4, 5)
