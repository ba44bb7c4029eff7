import numpy as np
import pytest

from ner_runtime.inference.spans import Labels, Span, in_code_points

LABELS = ["O", "B-PER", "I-PER", "E-PER", "S-PER", "B-LOC", "I-LOC", "E-LOC", "S-LOC"]


def spans(*path: str) -> list[tuple[str, int, int]]:
    found = Labels(LABELS).spans(np.array([LABELS.index(label) for label in path], dtype=np.intp))
    return [(span.type, span.start, span.end) for span in found]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (["O", "O"], []),
        (["S-PER", "S-PER"], [("PER", 0, 1), ("PER", 1, 2)]),
        (["B-PER", "I-PER", "E-PER", "O"], [("PER", 0, 3)]),
        (["O", "B-PER", "B-LOC", "E-LOC"], [("PER", 1, 2), ("LOC", 2, 4)]),
        (["B-PER", "S-LOC"], [("PER", 0, 1), ("LOC", 1, 2)]),
        # I or E starts a span if none is open.
        (["I-LOC", "I-LOC", "O"], [("LOC", 0, 2)]),
        (["E-LOC", "E-PER"], [("LOC", 0, 1), ("PER", 1, 2)]),
        # O does not end a span; its type is that of its first tag.
        (["B-LOC", "O", "I-PER"], [("LOC", 0, 3)]),
        (["B-LOC", "O", "O"], [("LOC", 0, 1)]),
        (["B-LOC", "O", "O", "E-LOC", "I-PER"], [("LOC", 0, 4), ("PER", 4, 5)]),
    ],
)
def test_rules_of_modelscope(path: list[str], expected: list[tuple[str, int, int]]) -> None:
    assert spans(*path) == expected


def test_labels_in_any_order_with_any_type_name() -> None:
    labels = Labels(["S-品牌", "B-PER.NAM", "O", "E-PER.NAM"])
    assert labels.spans(np.array([0, 2, 1, 3])) == [Span("品牌", 0, 1), Span("PER.NAM", 2, 4)]


def test_other_labels_are_outside() -> None:
    assert Labels(["O", "X", "", "[CLS]"]).spans(np.array([1, 2, 3, 0])) == []


def test_moved_changes_only_the_position() -> None:
    assert Span("PER", 1, 3, 0.5).moved(10) == Span("PER", 11, 13, 0.5)


def test_spans_of_words_become_spans_of_code_points() -> None:
    # "Anna Miller ﷺ": the last code point becomes three words, of which only the last one is not empty.
    offsets = np.array([(0, 4), (5, 11), (12, 12), (12, 12), (12, 13)], dtype=np.int32)
    assert in_code_points([Span("PER", 0, 2, 0.9)], offsets) == [Span("PER", 0, 11, 0.9)]
    assert in_code_points([Span("PER", 2, 4), Span("LOC", 4, 5)], offsets) == [Span("LOC", 12, 13)]
    assert in_code_points([Span("PER", 1, 5)], offsets) == [Span("PER", 5, 13)]
