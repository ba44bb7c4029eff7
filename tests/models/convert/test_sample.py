"""The bundled sample of sentences."""

from ner_runtime.models.convert.sample import sample_sentences


def test_at_least_500_different_sentences() -> None:
    sentences = sample_sentences()
    assert len(set(sentences)) == len(sentences) >= 500


def test_sample_for_models_that_label_words() -> None:
    sentences = sample_sentences(split="words")
    assert len(set(sentences)) == len(sentences) >= 500
    text = " ".join(sentences)
    assert not set("{}_") & set(text)
    for letter in "aßéñŞжع한हক":
        assert letter in text, letter


def test_sample_is_deterministic() -> None:
    assert sample_sentences() == sample_sentences()
    assert sample_sentences(50) == sample_sentences()[:50]


def test_all_slots_are_filled() -> None:
    text = "".join(sample_sentences())
    assert "{" not in text
    assert "_" not in text


def test_sentences_vary_in_length_and_script() -> None:
    sentences = sample_sentences()
    lengths = sorted(map(len, sentences))
    assert lengths[0] < 5
    assert lengths[-1] > 150
    for sign in ("。", "，", "　", "2", "a", "😂", "臺"):
        assert any(sign in sentence for sentence in sentences), sign
