"""Serialize entities and redactions to JSON, for the bodies of responses.

A span may contain lone surrogates. UTF-8 cannot encode them, so they are written as JSON escapes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from ner_runtime.entities import Entity, utf16_offsets
from ner_runtime.json import to_json
from ner_runtime.redaction.redaction import Redaction
from ner_runtime.serving.api.responses import (
    EntityItem,
    NerBatchResponse,
    NerResponse,
    OffsetUnit,
    RedactedItem,
    RedactResponse,
    ReplacementItem,
)

# The encoder holds the interpreter lock, so long lists are encoded in parts to let other threads run in between.
_ITEMS_PER_PART = 256
_ENTITY_ITEMS = TypeAdapter(list[EntityItem])
_REPLACEMENT_ITEMS = TypeAdapter(list[ReplacementItem])
_NO_DATA = b'"data":[]'
_NO_REDACTION = b'"data":{"text":"","replacements":[]}'
EMPTY_REDACTION = RedactedItem(text="", replacements=[])
"""The `data` of a `RedactResponse` that `with_data` replaces."""

_Item = TypeVar("_Item", EntityItem, ReplacementItem)


def with_data(response: NerResponse | NerBatchResponse | RedactResponse, data: bytes) -> bytes:
    """Return a response as JSON, with its empty `data` replaced by the argument `data`, which is JSON."""
    empty = _NO_REDACTION if isinstance(response, RedactResponse) else _NO_DATA
    # Only `success` precedes `data`, so the first match cannot be in user text.
    return response.to_bytes().replace(empty, b'"data":' + data, 1)


def entities_json(text: str, entities: Sequence[Entity], colors: Mapping[str, str], unit: OffsetUnit) -> bytes:
    """Return the entities of a text as a JSON array of `EntityItem`s.

    Args:
        text: the text
        entities: entities of the text, with offsets in code points
        colors: the colour of each type
        unit: unit of the offsets in the response
    """
    offsets = _offsets(text, unit) if entities else ()
    items = (
        EntityItem(
            type=entity.type,
            span=entity.span,
            start_offset=offsets[entity.start],
            end_offset=offsets[entity.end],
            score=round(entity.score, 6),
            color=colors[entity.type],
            source=entity.source,
        )
        for entity in entities
    )
    return _encode(_ENTITY_ITEMS, items)


def redaction_json(text: str, redaction: Redaction, unit: OffsetUnit) -> bytes:
    """Return a redacted text as JSON, a `RedactedItem`.

    Args:
        text: the original text
        redaction: the redacted text, with offsets in code points
        unit: unit of the offsets in the response
    """
    offsets, redacted_offsets = _offsets(text, unit), _offsets(redaction.text, unit)
    items = (
        ReplacementItem(
            type=one.type,
            span=one.span,
            start_offset=offsets[one.start],
            end_offset=offsets[one.end],
            replacement=one.replacement,
            redacted_start_offset=redacted_offsets[one.redacted_start],
            redacted_end_offset=redacted_offsets[one.redacted_end],
            source=one.source,
            operator=one.operator,
            **({} if one.score is None else {"score": round(one.score, 6)}),
        )
        for one in redaction.replacements
    )
    replacements = _encode(_REPLACEMENT_ITEMS, items)
    return b'{"text":' + to_json(redaction.text) + b',"replacements":' + replacements + b"}"


def _offsets(text: str, unit: OffsetUnit) -> Sequence[int]:
    return utf16_offsets(text) if unit == "utf16" else range(len(text) + 1)


def _encode(adapter: TypeAdapter[list[_Item]], items: Iterator[_Item]) -> bytes:
    parts: list[bytes] = []
    while part := list(islice(items, _ITEMS_PER_PART)):
        try:
            parts.append(adapter.dump_json(part, exclude_unset=True)[1:-1])
        except PydanticSerializationError:
            parts.append(to_json(adapter.dump_python(part, exclude_unset=True))[1:-1])
    return b"[" + b",".join(parts) + b"]"
