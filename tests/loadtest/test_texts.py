from loadtest.texts import samples


def test_there_are_many_and_of_many_kinds() -> None:
    assert len(samples()) >= 40
    kinds = {sample.kind for sample in samples()}
    assert {"news", "contract", "ticket", "weibo", "cv", "document", "mixed", "traditional"} <= kinds
    assert len({sample.text for sample in samples()}) == len(samples())


def test_lengths_go_from_one_character_to_a_document_and_beyond_the_first_plane() -> None:
    lengths = [len(sample.whole) for sample in samples()]
    assert (min(lengths), max(lengths) > 10_000) == (1, True)
    assert any(ord(char) > 0xFFFF for sample in samples() for char in sample.text)


def test_names_that_are_expected_stand_in_their_text() -> None:
    named = [sample for sample in samples() if sample.names]
    assert len(named) >= 5
    for sample in named:
        assert all(name in sample.text for names in sample.names.values() for name in names)
