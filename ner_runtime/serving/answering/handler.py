"""Handler: requests that got past the edge, to the bodies that go back. It knows the recognizer, not HTTP."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TypeVar

from ner_runtime.entities import type_colors
from ner_runtime.errors import RanerError
from ner_runtime.json import to_json
from ner_runtime.serving.answering.cache import Cache, Found, model_identity
from ner_runtime.serving.answering.scheduler import Read, Reader
from ner_runtime.serving.api.errors import ClientGone, Overloaded, error_item
from ner_runtime.serving.api.schemas import Limits, NerBatchRequest, NerRequest, OffsetUnit, check_text, entity_items
from ner_runtime.serving.http.edge import ApiRequest
from ner_runtime.serving.telemetry.metrics import QUEUE_SECONDS, SHED, observe_text

_Body = TypeVar("_Body", NerRequest, NerBatchRequest)

# What is read after this part of the time allowed would, by an estimate that may be wrong, be too late.
_IN_TIME = 0.7

# Characters whose answer is written beside the event loop, which others' requests pass through.
_LONG = 5_000
_ITEMS = 256

Answer = bytes | RanerError
"""The body of a success, or what went wrong."""


class Handler:
    """Handler requests with one reader."""

    def __init__(self, reader: Reader, limits: Limits, cache: Cache, *, timeout_s: float, engine: str) -> None:
        """`timeout_s`: what cannot be begun in time to be answered within this is not begun."""
        self._reader = reader
        self._limits = limits
        self._cache = cache
        self._timeout_s = timeout_s
        recognizer = reader.recognizer
        self._identity = model_identity(recognizer.manifest, engine)
        self._colors = type_colors(recognizer.types, recognizer.manifest.colors)

    async def ner(self, request: ApiRequest) -> Answer:
        """Answer a `POST /ner`."""
        body = _body_of(request, NerRequest)
        try:
            asked = self._reader.recognizer.check_types(body.types)
            [found] = await self._find([body.text], request)
        except RanerError as error:
            return error
        meta = self._meta([found], body.offset_unit, request)

        def written() -> bytes:
            return _success(self._written(body.text, found, asked, body.offset_unit), meta=meta)

        return await _beside(written, len(body.text))

    async def ner_batch(self, request: ApiRequest) -> Answer:
        """Answer a `POST /ner/batch`; a bad text does not cost the others."""
        body = _body_of(request, NerBatchRequest)
        texts = [self._checked(text) for text in body.texts]
        try:
            asked = self._reader.recognizer.check_types(body.types)
            all_found = await self._find([text for text in texts if isinstance(text, str)], request)
        except RanerError as error:
            return error
        found = iter(all_found)
        length = sum(len(text) for text in texts if isinstance(text, str))
        errors = {str(index): error_item(text) for index, text in enumerate(texts) if isinstance(text, RanerError)}
        meta = self._meta(all_found, body.offset_unit, request)

        def written() -> bytes:
            data = (
                self._written(text, next(found), asked, body.offset_unit) if isinstance(text, str) else b"null"
                for text in texts
            )
            return _success(b"[" + b",".join(data) + b"]", errors=errors, meta=meta)

        return await _beside(written, length)

    def _checked(self, text: object) -> str | RanerError:
        try:
            return check_text(text, self._limits)
        except RanerError as error:
            return error

    async def _find(self, texts: Sequence[str], request: ApiRequest) -> list[Found]:
        """What there is in each text. When the client leaves, what is done for it alone is left.

        Raises:
            Overloaded, ClientGone
        """
        request.notes.update(texts=len(texts), chars=sum(map(len, texts)))
        finding = asyncio.ensure_future(self._cache.find(texts, self._identity, self._read))
        try:
            await asyncio.wait([finding, *([request.gone] if request.gone else [])], return_when="FIRST_COMPLETED")
            if not finding.done():
                raise ClientGone("the client has left")
            return finding.result()
        finally:
            finding.cancel()

    async def _read(self, texts: Sequence[str]) -> Read:
        wait = self._reader.seconds_until_read(texts)
        if wait > self._timeout_s * _IN_TIME:
            SHED.labels("queue").inc()
            raise Overloaded("more is waiting than can be read in time; try again shortly", math.ceil(wait / 2))
        read = await self._reader.read(texts)
        for text, recognition in zip(texts, read.recognitions, strict=True):
            observe_text(text, recognition)
        return read

    def _written(self, text: str, found: Found, asked: frozenset[str], unit: OffsetUnit) -> bytes:
        """The entities of a text as JSON, in parts, since the encoder lets no other thread run while it is at one."""
        entities = [entity for entity in found.recognition.entities if entity.type in asked]
        items = entity_items(text, entities, self._colors, unit)
        parts = (to_json(items[first : first + _ITEMS])[1:-1] for first in range(0, len(items), _ITEMS))
        return b"[" + b",".join(parts) + b"]"

    def _meta(self, found: Sequence[Found], unit: OffsetUnit, request: ApiRequest) -> dict[str, object]:
        now = perf_counter()
        # Who joins a reading that is under way came after it had begun, and has not waited.
        began = max(request.received, min((one.began for one in found), default=now))
        queue = began - request.received
        QUEUE_SECONDS.observe(queue)
        manifest = self._reader.recognizer.manifest
        windows = sum(one.recognition.windows for one in found)
        cached = bool(found) and all(one.cached for one in found)
        request.notes.update(windows=windows, cached=cached, version=manifest.version)
        return {
            "model": manifest.name,
            "version": manifest.version,
            "precision": manifest.precision,
            "windows": windows,
            "cached": cached,
            "offset_unit": unit,
            "timings_ms": {
                "total": _milliseconds(now - request.received),
                "queue": _milliseconds(queue),
                "inference": _milliseconds(now - began),
            },
        }


async def _beside(write: Callable[[], bytes], characters: int) -> bytes:
    return await asyncio.to_thread(write) if characters > _LONG else write()


def _success(data: bytes, **fields: object) -> bytes:
    """The body of a success around its data, which is JSON already."""
    return b'{"success":true,"data":' + data + b"," + to_json(fields)[1:]


def _body_of(request: ApiRequest, shape: type[_Body]) -> _Body:
    # The edge reads each path's bodies with that path's reader and no other.
    assert isinstance(request.body, shape)  # noqa: S101
    return request.body


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
