from loadtest.texts import samples
from ner_runtime import Recognizer


def test_texts_are_of_many_kinds() -> None:
    assert len(samples()) >= 40
    kinds = {sample.kind for sample in samples()}
    assert {"news", "contract", "ticket", "weibo", "cv", "document", "mixed", "traditional"} <= kinds
    assert len({sample.text for sample in samples()}) == len(samples())


def test_texts_have_all_lengths_and_characters_outside_the_basic_plane() -> None:
    lengths = [len(sample.full_text) for sample in samples()]
    assert (min(lengths), max(lengths) > 10_000) == (1, True)
    assert any(ord(char) > 0xFFFF for sample in samples() for char in sample.text)


def test_expected_names_occur_in_their_text() -> None:
    named = [sample for sample in samples() if sample.names]
    assert len(named) >= 5
    for sample in named:
        assert all(name in sample.text for names in sample.names.values() for name in names)


def test_the_embedded_model_finds_the_expected_names(recognizer: Recognizer) -> None:
    # The load test counts a response without them as wrong.
    named = [sample for sample in samples() if sample.names]
    for sample, entities in zip(named, recognizer.recognize([sample.full_text for sample in named]), strict=True):
        for type_, names in sample.names.items():
            assert set(names) <= {entity.span for entity in entities if entity.type == type_}, sample.text
