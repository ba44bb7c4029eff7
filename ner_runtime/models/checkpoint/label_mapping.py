"""Read the labels of a checkpoint, in the order of the outputs of its linear layer.

The labels come from the first of these sources that has them: `label_mapping.json` (label to id), `model` in
`configuration.json`, `preprocessor` in `configuration.json`, `config.json`. Published models list their labels in
different orders, and ids can be strings. AdaSeq calls the mappings `label_to_id` and `id_to_label`.

Source: ModelScope 1.40.2, `modelscope/utils/hub.py`, `parse_label_mapping`.
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
    """Return the labels in id order.

    Raises:
        InvalidCheckpoint: there are no labels, a label is not printable, or the ids are not 0, 1, 2, …
        UnsupportedCheckpoint: the labels do not follow the BIO or BIOES scheme.
    """
    labels = _in_id_order(_label_ids(directory))
    # Labels become entity types in output and files, so they must be printable and not empty.
    invalid = [label for label in labels if not label.isprintable() or label in ("", *_PREFIXES)]
    if invalid:
        raise InvalidCheckpoint(f"the label {invalid[0]!r} is empty or not printable")
    if not any(label.startswith(_PREFIXES) for label in labels):
        raise UnsupportedCheckpoint(f"the labels ({', '.join(labels[:3])}, …) do not follow the BIO or BIOES scheme")
    # Decoding looks at the first letter only, so `SEP` would become an entity of type `P`.
    unsupported = [label for label in labels if label[:1] in ("B", "I", "E", "S") and not label.startswith(_PREFIXES)]
    if unsupported:
        raise UnsupportedCheckpoint(f"the label {unsupported[0]!r} does not follow the BIO or BIOES scheme")
    return labels


def entity_types(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the entity types of the labels, in order of first occurrence."""
    return tuple(dict.fromkeys(label[2:] for label in labels if label.startswith(_PREFIXES)))


def _label_ids(directory: Path) -> Mapping[str, Any]:
    mapping = read_json(directory, "label_mapping.json")
    if mapping is not None:
        return mapping
    configuration = read_json(directory, "configuration.json") or {}
    for section in (configuration.get("model"), configuration.get("preprocessor"), read_json(directory, "config.json")):
        if not isinstance(section, Mapping):
            continue
        for name in ("label2id", "label_to_id"):
            if isinstance(section.get(name), Mapping):
                return section[name]
        for name in ("id2label", "id_to_label"):
            if isinstance(section.get(name), Mapping):
                return {str(label): id_ for id_, label in section[name].items()}
    raise InvalidCheckpoint(f"{directory} has no labels: no label_mapping.json, label2id or id2label")


def _in_id_order(ids: Mapping[str, Any]) -> tuple[str, ...]:
    if not 0 < len(ids) <= MAX_LABELS:
        raise InvalidCheckpoint(f"the checkpoint has {len(ids)} labels; allowed: 1 to {MAX_LABELS}")
    try:
        label_of = {int(id_): str(label) for label, id_ in ids.items()}
    except (TypeError, ValueError, OverflowError):
        raise InvalidCheckpoint("a label id is not a number") from None
    if sorted(label_of) != list(range(len(ids))):
        raise InvalidCheckpoint(f"the ids of the {len(ids)} labels are not 0 to {len(ids) - 1}")
    return tuple(label_of[id_] for id_ in range(len(ids)))
