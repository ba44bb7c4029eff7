"""Answers: requests that got past the edge, to the bodies that go back. It knows the recognizer, not HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import TypeVar

from ner_runtime.entities import type_colors
from ner_runtime.errors import RanerError
from ner_runtime.json import to_json
from ner_runtime.recognizer import Recognition, Recognizer
from ner_runtime.serving.edge import Parsed
from ner_runtime.serving.errors import error_item
from ner_runtime.serving.metrics import QUEUE_SECONDS, observe_batch
from ner_runtime.serving.schemas import Limits, NerBatchRequest, NerRequest, OffsetUnit, check_text, entity_items

_Body = TypeVar("_Body", NerRequest, NerBatchRequest)

Answer = bytes | RanerError
"""The body of a success, or what went wrong."""


class Answers:
    """Answers requests with one recognizer."""

    def __init__(self, recognizer: Recognizer, limits: Limits) -> None:
        self._recognizer = recognizer
        self._limits = limits
        self._colors = type_colors(recognizer.types, recognizer.manifest.colors)

    def ner(self, requests: Sequence[Parsed]) -> list[Answer]:
        """Answer a batch of `POST /ner`, each in its place; a bad one does not cost the others."""
        started = perf_counter()
        checked = [self._check_types(_body_of(request, NerRequest)) for request in requests]
        recognitions = iter(self._read([body.text for body in checked if isinstance(body, NerRequest)]))
        answers: list[Answer] = []
        for request, body in zip(requests, checked, strict=True):
            if isinstance(body, RanerError):
                answers.append(body)
                continue
            recognition = next(recognitions)
            items = self._items(body.text, recognition, body.types, body.offset_unit)
            meta = self._meta(recognition.windows, body.offset_unit, request.received, started)
            answers.append(to_json({"success": True, "data": items, "meta": meta}))
        return answers

    def ner_batch(self, request: Parsed) -> Answer:
        """Answer a `POST /ner/batch`."""
        started = perf_counter()
        body = self._check_types(_body_of(request, NerBatchRequest))
        if isinstance(body, RanerError):
            return body
        texts = [self._check_text(text) for text in body.texts]
        good = [text for text in texts if isinstance(text, str)]
        recognitions = self._read(good)
        found = iter(recognitions)
        data = [
            self._items(text, next(found), body.types, body.offset_unit) if isinstance(text, str) else None
            for text in texts
        ]
        errors = {str(index): error_item(text) for index, text in enumerate(texts) if isinstance(text, RanerError)}
        windows = sum(recognition.windows for recognition in recognitions)
        meta = self._meta(windows, body.offset_unit, request.received, started)
        return to_json({"success": True, "data": data, "errors": errors, "meta": meta})

    def _check_types(self, body: _Body) -> _Body | RanerError:
        try:
            self._recognizer.check_types(body.types)
        except RanerError as error:
            return error
        return body

    def _check_text(self, text: object) -> str | RanerError:
        try:
            return check_text(text, self._limits)
        except RanerError as error:
            return error

    def _read(self, texts: Sequence[str]) -> list[Recognition]:
        started = perf_counter()
        recognitions = self._recognizer.read(texts)
        if texts:
            observe_batch(texts, recognitions, perf_counter() - started)
        return recognitions

    def _items(
        self, text: str, recognition: Recognition, types: list[str] | None, unit: OffsetUnit
    ) -> list[dict[str, object]]:
        asked = self._recognizer.check_types(types)
        entities = [entity for entity in recognition.entities if entity.type in asked]
        return entity_items(text, entities, self._colors, unit)

    def _meta(self, windows: int, unit: OffsetUnit, received: float, started: float) -> dict[str, object]:
        now = perf_counter()
        QUEUE_SECONDS.observe(started - received)
        manifest = self._recognizer.manifest
        return {
            "model": manifest.name,
            "version": manifest.version,
            "precision": manifest.precision,
            "windows": windows,
            "cached": False,
            "offset_unit": unit,
            "timings_ms": {
                "total": _milliseconds(now - received),
                "queue": _milliseconds(started - received),
                "inference": _milliseconds(now - started),
            },
        }


def _body_of(request: Parsed, shape: type[_Body]) -> _Body:
    # The edge reads each path's bodies with that path's reader and no other.
    assert isinstance(request.body, shape)  # noqa: S101
    return request.body


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
