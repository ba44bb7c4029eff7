"""Labels of a checkpoint, in the order of the linear layer's outputs.

Looked up where ModelScope looks (1.40.2, `modelscope/utils/hub.py`, `parse_label_mapping`), first hit wins:
`label_mapping.json` (label to id), `configuration.json` under `model` and then under `preprocessor`, `config.json`. No
order of labels is assumed: published models differ. Ids may be strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ner_runtime.errors import InvalidCheckpoint, UnsupportedCheckpoint
from ner_runtime.models.checkpoint.safe_files import read_json

MAX_LABELS = 1024
_PREFIXES = ("B-", "I-", "E-", "S-")


def read_labels(directory: Path) -> tuple[str, ...]:
    """The labels in id order.

    Raises:
        InvalidCheckpoint: there are none, or their ids are not 0, 1, 2, …
        UnsupportedCheckpoint: they are not in the BIO or BIOES scheme.
    """
    labels = _in_id_order(_label_ids(directory))
    # They become types that are printed, sent and written: no control characters, no lone surrogates, no nothing.
    unfit = [label for label in labels if not label.isprintable() or label in ("", *_PREFIXES)]
    if unfit:
        raise InvalidCheckpoint(f"its label {unfit[0]!r} is no name")
    if not any(label.startswith(_PREFIXES) for label in labels):
        raise UnsupportedCheckpoint(f"its labels ({', '.join(labels[:3])}, …) are not in the BIO or BIOES scheme")
    # A label is O unless it starts with one of four letters, so `SEP` would be read as an entity of type `P`.
    odd = [label for label in labels if label[:1] in ("B", "I", "E", "S") and not label.startswith(_PREFIXES)]
    if odd:
        raise UnsupportedCheckpoint(f"its label {odd[0]!r} is not in the BIO or BIOES scheme")
    return labels


def entity_types(labels: tuple[str, ...]) -> tuple[str, ...]:
    """The types that labels name, in the order in which they first occur."""
    return tuple(dict.fromkeys(label[2:] for label in labels if label.startswith(_PREFIXES)))


def _label_ids(directory: Path) -> Mapping[str, Any]:
    mapping = read_json(directory, "label_mapping.json")
    if mapping is not None:
        return mapping
    configuration = read_json(directory, "configuration.json") or {}
    for section in (configuration.get("model"), configuration.get("preprocessor"), read_json(directory, "config.json")):
        if not isinstance(section, Mapping):
            continue
        if isinstance(section.get("label2id"), Mapping):
            return section["label2id"]
        if isinstance(section.get("id2label"), Mapping):
            return {str(label): id_ for id_, label in section["id2label"].items()}
    raise InvalidCheckpoint(f"{directory} names no labels: no label_mapping.json, label2id or id2label")


def _in_id_order(ids: Mapping[str, Any]) -> tuple[str, ...]:
    if not 0 < len(ids) <= MAX_LABELS:
        raise InvalidCheckpoint(f"it names {len(ids)} labels; allowed: 1 to {MAX_LABELS}")
    try:
        label_of = {int(id_): str(label) for label, id_ in ids.items()}
    except (TypeError, ValueError, OverflowError):
        raise InvalidCheckpoint("the id of a label is not a number") from None
    if sorted(label_of) != list(range(len(ids))):
        raise InvalidCheckpoint(f"the ids of its {len(ids)} labels are not 0 to {len(ids) - 1}")
    return tuple(label_of[id_] for id_ in range(len(ids)))
