"""The bundled sample: always the same sentences, all different, of every kind."""

from ner_runtime.models.convert.sample import sample_sentences


def test_at_least_500_different_sentences() -> None:
    sentences = sample_sentences()
    assert len(set(sentences)) == len(sentences) >= 500


def test_always_the_same_ones_in_the_same_order() -> None:
    assert sample_sentences() == sample_sentences()
    assert sample_sentences(50) == sample_sentences()[:50]


def test_no_slot_is_left_open() -> None:
    text = "".join(sample_sentences())
    assert "{" not in text
    assert "_" not in text


def test_they_differ_in_length_and_script() -> None:
    sentences = sample_sentences()
    lengths = sorted(map(len, sentences))
    assert lengths[0] < 5
    assert lengths[-1] > 150
    for sign in ("。", "，", "　", "2", "a", "😂", "臺"):
        assert any(sign in sentence for sentence in sentences), sign
