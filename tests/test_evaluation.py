import json
from pathlib import Path

import pytest

from ner_runtime import Recognizer
from ner_runtime.errors import InputError
from ner_runtime.evaluation import Score, Tally, evaluate, read_type_map
from ner_runtime.jsonl import Annotation, Sentence


def spans(*items: tuple[str, int, int]) -> list[Annotation]:
    return [Annotation(*item) for item in items]


def test_an_entity_is_right_where_type_start_and_end_are() -> None:
    tally = Tally()
    tally.add(
        gold=spans(("PER", 0, 2), ("LOC", 3, 5), ("ORG", 6, 9)),
        ignored=[],
        found=spans(("PER", 0, 2), ("LOC", 3, 6), ("PER", 6, 9)),
    )
    assert tally.score(["PER"]) == Score(precision=0.5, recall=1.0, f1=2 / 3, support=1)
    assert tally.score(["LOC"]) == Score(0.0, 0.0, 0.0, 1)
    assert tally.score(["PER", "LOC", "ORG"]) == Score(1 / 3, 1 / 3, 1 / 3, 3)


def test_a_type_is_scored_where_the_file_annotates_it_and_the_model_knows_it() -> None:
    tally = Tally()
    tally.add(gold=spans(("PER", 0, 2), ("DOG", 3, 5)), ignored=[], found=spans(("PER", 0, 2), ("ORG", 3, 5)))
    assert tally.scored(["PER", "LOC", "ORG"]) == ["PER"]
    assert tally.score(tally.scored(["PER", "LOC", "ORG"])).precision == 1


def test_what_overlaps_an_ignored_span_is_ignored_unless_it_is_exactly_right() -> None:
    tally = Tally()
    tally.add(
        gold=spans(("PER", 0, 2)),
        ignored=spans(("BOOK", 1, 8)),
        found=spans(("PER", 0, 2), ("PER", 4, 6), ("PER", 8, 9)),
    )
    assert (tally.right["PER"], tally.found["PER"]) == (1, 2)


def test_nothing_found_and_nothing_annotated() -> None:
    assert Tally().score([]) == Score(0.0, 0.0, 0.0, 0)


def test_maps(tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    path.write_text(json.dumps({"_comment": "x", "weibo": {"PER.NAM": "PER", "*": None}}))
    assert read_type_map(f"{path}#weibo") == {"PER.NAM": "PER", "*": None}
    assert read_type_map(f"{path}#msra") is None
    for reference in (f"{path}#_comment", str(path), str(tmp_path / "nowhere.json")):
        with pytest.raises(InputError):
            read_type_map(reference)


def test_a_map_renames_ignores_and_keeps(recognizer: Recognizer) -> None:
    text = "马云"
    sentences = [Sentence(text, tuple(spans(("name", 0, 2)))), Sentence(text, tuple(spans(("pet", 0, 1))))]
    tally = evaluate(recognizer, sentences, {"name": "PER", "pet": None})
    assert (tally.sentences, dict(tally.annotated)) == (2, {"PER": 1})
    tally = evaluate(recognizer, sentences, {"name": "PER"})
    assert dict(tally.annotated) == {"PER": 1, "pet": 1}
    tally = evaluate(recognizer, sentences, {"name": "PER", "*": None})
    assert dict(tally.annotated) == {"PER": 1}
