"""Annotating a shard: other fields pass through, and each bad record is reported with its reason."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ner_runtime import InvalidLexicon, Lexicon, Recognizer
from ner_runtime.corpus.annotator import Annotator, BadRecord, fields_of
from ner_runtime.corpus.plan import ModelChoice, Plan
from ner_runtime.corpus.sources import LONGER, Record, Shard
from ner_runtime.embedded import embedded_model
from ner_runtime.lexicon.user.matches import LexiconSet
from tests.support.texts.examples import EXAMPLE, EXAMPLE_SPANS

MODEL = ModelChoice(str(embedded_model()), "1")


def shard(*contents: Any, kind: str = "jsonl") -> Shard:
    return Shard("0", "a.jsonl", kind, [Record(number, content) for number, content in enumerate(contents, 1)], 0)


def spans(row: dict[str, Any]) -> list[tuple[str, int, int]]:
    return [(item["type"], item["start"], item["end"]) for item in row["entities"]]


def test_other_fields_pass_through_in_their_order() -> None:
    line = f'{{"id": 7, "text": "{EXAMPLE}", "meta": {{"a": [1, null]}}}}'.encode()
    [row] = Annotator(MODEL, Plan()).annotate(shard(line)).rows
    assert list(row) == ["id", "text", "meta", "entities"]
    assert (row["id"], row["meta"]) == (7, {"a": [1, None]})
    assert spans(row) == EXAMPLE_SPANS


def test_types_and_min_score_choose_entities() -> None:
    line = f'{{"text": "{EXAMPLE}"}}'.encode()
    [row] = Annotator(MODEL, Plan(types=("PER",))).annotate(shard(line)).rows
    assert spans(row) == [("PER", 9, 11)]
    [row] = Annotator(MODEL, Plan(min_score=1.0)).annotate(shard(line)).rows
    assert row["entities"] == []


def test_lexicons_are_applied(tmp_path: Path) -> None:
    file = tmp_path / "brands.tsv"
    file.write_text("创始人\tTITLE\tforce\n马云\t*\tforbid\n", encoding="utf-8")
    digest = LexiconSet([Lexicon.from_file(file)]).digest
    model = replace(MODEL, lexicons=(str(file),))
    line = f'{{"text": "{EXAMPLE}"}}'.encode()
    [row] = Annotator(model, Plan(lexicon=digest, min_score=0.9)).annotate(shard(line)).rows
    found = {(item["type"], item["span"]): item["source"] for item in row["entities"]}
    assert found["TITLE", "创始人"] == "lexicon"
    assert found["LOC", "杭州"] == "model"
    assert ("PER", "马云") not in found


def test_a_lexicon_that_has_changed_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "brands.tsv"
    file.write_text("蔚来\tORG\n", encoding="utf-8")
    model = replace(MODEL, lexicons=(str(file),))
    with pytest.raises(InvalidLexicon, match=r"brands\.tsv: the content has changed since the run began"):
        Annotator(model, Plan(lexicon="0123456789abcdef"))


def test_texts_are_read_as_the_recognizer_reads_them(recognizer: Recognizer) -> None:
    texts = [f"{EXAMPLE}{number}" for number in range(600)]
    annotated = Annotator(MODEL, Plan()).annotate(shard(*(text.encode() for text in texts), kind="txt"))
    expected = [[(e.type, e.start, e.end) for e in found] for found in recognizer.recognize(texts)]
    assert [spans(row) for row in annotated.rows] == expected
    assert (annotated.entities, annotated.chars) == (sum(map(len, expected)), sum(map(len, texts)))


def test_bad_records_are_reported_and_the_others_annotated() -> None:
    annotated = Annotator(MODEL, Plan()).annotate(shard(b"{", b'{"text": "x"}', b"\xff"))
    assert [row["text"] for row in annotated.rows] == ["x"]
    assert [(bad["source"], bad["line"], bad["record"]) for bad in annotated.bad] == [
        ("a.jsonl", 1, "{"),
        ("a.jsonl", 3, "\\xff"),
    ]


@pytest.mark.parametrize(
    ("kind", "content", "reason"),
    [
        ("jsonl", b"\xff\n", "not UTF-8: byte 0 cannot be decoded"),
        ("jsonl", b"text\n", "not JSON: Expecting value at line 1, column 1"),
        ("jsonl", b"[1]\n", "not a JSON object"),
        ("jsonl", b'{"id": 1}\n', "the field 'text' is missing"),
        ("jsonl", b'{"text": 1}\n', "the field 'text' holds int, not a string"),
        ("jsonl", b'{"text": "12345678901"}\n', "the text has 11 characters; at most 10 are allowed"),
        ("txt", b"\xff\n", "not UTF-8: byte 0 cannot be decoded"),
        ("csv", {"text": "a", LONGER: ["b"]}, "the row has more columns than the header"),
        ("csv", {"id": "a", "text": None}, "the row has fewer columns than the header"),
        ("csv", {"text": "\udcff"}, "not UTF-8"),
        ("jsonl", b'{"text": "a", "n": 1e999}\n', "a number is infinite or not a number, which JSON does not have"),
        ("parquet", {"text": "a", "n": math.nan}, "a number is infinite or not a number, which JSON does not have"),
        ("parquet", {"text": None}, "the field 'text' holds NoneType, not a string"),
    ],
)
def test_the_reason_says_what_is_wrong(kind: str, content: Any, reason: str) -> None:
    with pytest.raises(BadRecord) as error:
        fields_of(Record(1, content), kind, Plan(max_chars=10))
    assert str(error.value) == reason
