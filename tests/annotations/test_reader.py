"""The formats of annotated texts are recognized, and what is not understood is refused with its line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from ner_runtime.annotations.reader import read_annotated_texts
from ner_runtime.errors import InputError
from ner_runtime.jsonl import Annotation, Sentence

TEXT = "张伟在北京。"
EXPECTED = [Sentence(TEXT, (Annotation("PER", 0, 2), Annotation("LOC", 3, 5)))]

REGIONS = [
    {"start": 0, "end": 2, "text": "张伟", "labels": ["PER"]},
    {"start": 3, "end": 5, "text": "北京", "labels": ["LOC"]},
]
RESULT: list[dict[str, Any]] = [
    {"id": "a", "from_name": "label", "to_name": "text", "type": "labels", "value": region} for region in REGIONS
]
TASK: dict[str, Any] = {"id": 1, "data": {"text": TEXT}, "annotations": [{"id": 1, "result": RESULT}]}

FILES = {
    "JSON Lines (entities)": json.dumps(
        {"text": TEXT, "entities": [{"type": "PER", "start": 0, "end": 2}, {"type": "LOC", "start": 3, "end": 5}]}
    ),
    "doccano (label)": json.dumps({"id": 7, "text": TEXT, "label": [[0, 2, "PER"], [3, 5, "LOC"]]}),
    "doccano (labels)": json.dumps({"text": TEXT, "labels": [[0, 2, "PER"], [3, 5, "LOC"]]}),
    "doccano (entities)": json.dumps(
        {
            "text": TEXT,
            "entities": [
                {"id": 1, "label": "PER", "start_offset": 0, "end_offset": 2},
                {"id": 2, "label": "LOC", "start_offset": 3, "end_offset": 5},
            ],
            "relations": [],
        }
    ),
    "Label Studio (tasks)": json.dumps([TASK], indent=2),
    "Label Studio (label)": json.dumps([{"id": 1, "text": TEXT, "label": REGIONS, "annotator": 1}]),
    "CoNLL (BIO)": "张 B-PER\n伟 I-PER\n在 O\n北 B-LOC\n京 I-LOC\n。 O\n",
    "CoNLL (BIOES)": "张\tNN\tB-PER\n伟\tNN\tE-PER\n在\tP\tO\n北\tNN\tB-LOC\n京\tNN\tE-LOC\n。\tPU\tO\n",
}


def read(path: Path, content: str, encoding: str = "utf-8") -> tuple[str, list[Sentence]]:
    path.write_bytes(content.encode(encoding))
    texts = read_annotated_texts(str(path), encoding)
    return str(texts.form), list(texts.sentences)


@pytest.mark.parametrize("form", FILES)
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_every_format_is_recognized(tmp_path: Path, form: str, encoding: str) -> None:
    assert read(tmp_path / "gold", FILES[form], encoding) == (form, EXPECTED)


def test_spacy_triples_are_doccano_entities(tmp_path: Path) -> None:
    content = json.dumps({"text": TEXT, "entities": [[0, 2, "PER"], [3, 5, "LOC"]]})
    assert read(tmp_path / "gold", content) == ("doccano (entities)", EXPECTED)


def test_label_studio_tasks_one_per_line(tmp_path: Path) -> None:
    assert read(tmp_path / "gold", json.dumps(TASK)) == ("Label Studio (tasks)", EXPECTED)


def test_compressed_file(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl.gz"
    path.write_bytes(gzip.compress(FILES["doccano (label)"].encode()))
    assert list(read_annotated_texts(str(path)).sentences) == EXPECTED


def test_texts_without_entities_count_where_others_have_some(tmp_path: Path) -> None:
    lines = [{"text": "无", "label": []}, {"text": TEXT, "label": [[0, 2, "PER"], [3, 5, "LOC"]]}]
    content = "\n".join(map(json.dumps, lines))
    assert read(tmp_path / "gold", content) == ("doccano (label)", [Sentence("无", ()), *EXPECTED])


def test_category_of_a_text_is_not_an_annotation(tmp_path: Path) -> None:
    content = json.dumps({**json.loads(FILES["JSON Lines (entities)"]), "label": "news"})
    assert read(tmp_path / "gold", content) == ("JSON Lines (entities)", EXPECTED)


def item(**fields: object) -> str:
    return json.dumps({"text": TEXT, **fields}, ensure_ascii=False)


GOOD = item(label=[[0, 2, "PER"]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ", line 1: the file is empty"),
        ("张伟在北京。\n", ", line 1: format not recognized; expected JSON Lines, doccano, Label Studio or CoNLL"),
        (item(), " has no annotated entity; its format is JSON Lines (entities)"),
        (item(entities=[]), " has no annotated entity"),
        (item(label=[]), " has no annotated entity"),
        ("张 O\n伟 O\n", " has no annotated entity; its format is CoNLL (BIO)"),
        ('{"sentence": "张伟"}', ', line 1: an object with neither a "text" nor the "data" and "annotations"'),
        (f"{GOOD}\n[1]", ", line 2: an array, not a JSON object"),
        (f"{GOOD}\n{{", ", line 2: not JSON: Expecting property name"),
        (
            f"{GOOD}\n{item(labels=[[0, 2, 'PER']])}",
            ", line 2: doccano (labels), but the lines before are doccano (label)",
        ),
        (f"{GOOD}\n{item()}", ', line 2: no list "label", which other lines have'),
        (
            f"{GOOD}\n{item(label=[[0, 9, 'PER']])}",
            ", line 2: an entity from 0 to 9 does not lie in a text of 6 characters",
        ),
        (f"{GOOD}\n{item(label=[[0, 2]])}", ', line 2: an annotation in "label" is not of the form [start, end, type]'),
        (item(label=["sports"]), ', line 1: "label" holds a string; expected annotations such as [0, 2, "PER"]'),
        (item(label={"PER": {"张伟": [[0, 1]]}}), ', line 1: "label" is an object, not a list'),
        (item(label=[[0, 2, 7]]), ", line 1: an entity needs a type, a start and an end"),
        (
            item(label=[[0, 2, "PER"]], labels=[[0, 2, "PER"]]),
            ", line 1: annotations in two fields: doccano (label) and",
        ),
        (f"[\n{GOOD},\n\n{item(label=[[0, 9, 'PER']])}]", ", line 4: an entity from 0 to 9"),
        (f"[\n{GOOD},\n]", ": not JSON: "),
        ("[\n]\n", " has no annotated entity"),
        (f"[{json.dumps(TASK)},\n{item()}]", ', line 2: not a task with "data" and "annotations"'),
        ("张 B-PER\n伟 I-PER\n在\n", ", line 3: not a token and a tag such as O or B-PER"),
    ],
)
def test_what_is_not_understood_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "gold"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as raised:
        read_annotated_texts(str(path))
    assert raised.value.message.startswith(f"{path}{message}")
