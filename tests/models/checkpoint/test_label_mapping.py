"""Labels are read from the same places as in ModelScope, in id order."""

import json
from pathlib import Path

import pytest

from ner_runtime.errors import InvalidCheckpoint, UnsupportedCheckpoint
from ner_runtime.models.checkpoint.label_mapping import entity_types, read_labels
from tests.support.models.checkpoints import (
    ECOM,
    MEDICAL,
    NEWS,
    PLACES,
    Place,
    bio,
    bioes,
    medical_order,
    write_checkpoint,
)


def write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("string_ids", [False, True])
def test_every_place_for_labels(tmp_path: Path, place: Place, string_ids: bool) -> None:
    labels = medical_order(MEDICAL)
    write_checkpoint(tmp_path, labels=labels, labels_in=place, string_ids=string_ids)
    assert read_labels(tmp_path) == labels


@pytest.mark.parametrize("labels", [bioes(NEWS), bio(NEWS), bioes(ECOM), bioes(NEWS)[::-1]], ids=len)
def test_schemes_sizes_and_orders(tmp_path: Path, labels: tuple[str, ...]) -> None:
    write(tmp_path / "config.json", {"label2id": {label: id_ for id_, label in enumerate(labels)}})
    assert read_labels(tmp_path) == labels
    assert set(entity_types(labels)) == {label[2:] for label in labels if label != "O"}


def test_the_first_place_wins(tmp_path: Path) -> None:
    places = [{"O": 0, f"B-{name}": 1} for name in ("FIRST", "SECOND", "THIRD", "FOURTH")]
    write(tmp_path / "config.json", {"label2id": places[3]})
    assert read_labels(tmp_path) == ("O", "B-FOURTH")
    write(tmp_path / "configuration.json", {"preprocessor": {"label2id": places[2]}})
    assert read_labels(tmp_path) == ("O", "B-THIRD")
    write(tmp_path / "configuration.json", {"model": {"label2id": places[1]}, "preprocessor": {"label2id": places[2]}})
    assert read_labels(tmp_path) == ("O", "B-SECOND")
    write(tmp_path / "label_mapping.json", places[0])
    assert read_labels(tmp_path) == ("O", "B-FIRST")


def test_ids_can_be_in_any_order(tmp_path: Path) -> None:
    write(tmp_path / "label_mapping.json", {"I-PER": "2", "O": 1, "B-PER": 0})
    assert read_labels(tmp_path) == ("B-PER", "O", "I-PER")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({}, "0 labels"),
        ({"O": 0, "B-PER": 2}, "not 0 to 1"),
        ({"O": 0, "B-PER": 0}, "not 0 to 1"),
        ({"O": 0, "B-PER": "one"}, "not a number"),
        ({"O": 0, "B-PER": None}, "not a number"),
        ({f"B-{index}": index for index in range(2000)}, "2000 labels"),
    ],
)
def test_invalid_ids_are_rejected(tmp_path: Path, labels: dict[str, object], message: str) -> None:
    write(tmp_path / "label_mapping.json", labels)
    with pytest.raises(InvalidCheckpoint, match=message):
        read_labels(tmp_path)


def test_missing_labels_are_rejected(tmp_path: Path) -> None:
    write(tmp_path / "config.json", {"model_type": "bert"})
    with pytest.raises(InvalidCheckpoint, match="has no labels"):
        read_labels(tmp_path)


@pytest.mark.parametrize("labels", [["NEGATIVE", "POSITIVE"], ["O", "B-PER", "SEP"]])
def test_labels_of_another_scheme_are_rejected(tmp_path: Path, labels: list[str]) -> None:
    write(tmp_path / "config.json", {"id2label": dict(enumerate(labels))})
    with pytest.raises(UnsupportedCheckpoint, match="BIO or BIOES"):
        read_labels(tmp_path)
