"""Answers: requests that got past the edge, to the bodies that go back. It knows the recognizer, not HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import TypeVar

from ner_runtime.entities import type_colors
from ner_runtime.errors import RanerError
from ner_runtime.json import to_json
from ner_runtime.recognizer import Recognition
from ner_runtime.serving.edge import Parsed
from ner_runtime.serving.errors import error_item
from ner_runtime.serving.lanes import Read, Reader
from ner_runtime.serving.metrics import QUEUE_SECONDS, observe_text
from ner_runtime.serving.schemas import Limits, NerBatchRequest, NerRequest, OffsetUnit, check_text, entity_items

_Body = TypeVar("_Body", NerRequest, NerBatchRequest)

Answer = bytes | RanerError
"""The body of a success, or what went wrong."""


class Answers:
    """Answers requests with one reader."""

    def __init__(self, reader: Reader, limits: Limits) -> None:
        self._reader = reader
        self._limits = limits
        recognizer = reader.recognizer
        self._colors = type_colors(recognizer.types, recognizer.manifest.colors)

    async def ner(self, request: Parsed) -> Answer:
        """Answer a `POST /ner`."""
        body = _body_of(request, NerRequest)
        try:
            asked = self._reader.recognizer.check_types(body.types)
        except RanerError as error:
            return error
        read = await self._read([body.text])
        [recognition] = read.recognitions
        items = self._items(body.text, recognition, asked, body.offset_unit)
        meta = self._meta(read, body.offset_unit, request.received)
        return to_json({"success": True, "data": items, "meta": meta})

    async def ner_batch(self, request: Parsed) -> Answer:
        """Answer a `POST /ner/batch`; a bad text does not cost the others."""
        body = _body_of(request, NerBatchRequest)
        try:
            asked = self._reader.recognizer.check_types(body.types)
        except RanerError as error:
            return error
        texts = [self._checked(text) for text in body.texts]
        read = await self._read([text for text in texts if isinstance(text, str)])
        found = iter(read.recognitions)
        data = [
            self._items(text, next(found), asked, body.offset_unit) if isinstance(text, str) else None for text in texts
        ]
        errors = {str(index): error_item(text) for index, text in enumerate(texts) if isinstance(text, RanerError)}
        meta = self._meta(read, body.offset_unit, request.received)
        return to_json({"success": True, "data": data, "errors": errors, "meta": meta})

    def _checked(self, text: object) -> str | RanerError:
        try:
            return check_text(text, self._limits)
        except RanerError as error:
            return error

    async def _read(self, texts: Sequence[str]) -> Read:
        read = await self._reader.read(texts)
        for text, recognition in zip(texts, read.recognitions, strict=True):
            observe_text(text, recognition)
        return read

    def _items(
        self, text: str, recognition: Recognition, asked: frozenset[str], unit: OffsetUnit
    ) -> list[dict[str, object]]:
        entities = [entity for entity in recognition.entities if entity.type in asked]
        return entity_items(text, entities, self._colors, unit)

    def _meta(self, read: Read, unit: OffsetUnit, received: float) -> dict[str, object]:
        now = perf_counter()
        queue = read.began - received
        QUEUE_SECONDS.observe(queue)
        manifest = self._reader.recognizer.manifest
        return {
            "model": manifest.name,
            "version": manifest.version,
            "precision": manifest.precision,
            "windows": sum(recognition.windows for recognition in read.recognitions),
            "cached": False,
            "offset_unit": unit,
            "timings_ms": {
                "total": _milliseconds(now - received),
                "queue": _milliseconds(queue),
                "inference": _milliseconds(now - read.began),
            },
        }


def _body_of(request: Parsed, shape: type[_Body]) -> _Body:
    # The edge reads each path's bodies with that path's reader and no other.
    assert isinstance(request.body, shape)  # noqa: S101
    return request.body


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
