"""Handler: turns validated requests into response bodies, with one model. It does not depend on HTTP or BentoML."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from time import perf_counter

from ner_runtime.entities import Entity, at_least, selected, type_colors
from ner_runtime.errors import RanerError
from ner_runtime.lexicon.user.matches import LexiconSet
from ner_runtime.redaction.operators import Operators
from ner_runtime.redaction.redaction import redact_entities
from ner_runtime.serving.answering.cache import Cache, TextResult, model_identity, with_lexicon
from ner_runtime.serving.answering.lexicons import Lexicons
from ner_runtime.serving.answering.scheduler import Scheduler
from ner_runtime.serving.answering.threads import run
from ner_runtime.serving.api.errors import ClientGone, detached, error_item
from ner_runtime.serving.api.messages import ApiRequest, Body
from ner_runtime.serving.api.requests import (
    NerBatchRequest,
    NerOptions,
    NerRequest,
    RedactRequest,
    RequestLimits,
    check_text,
)
from ner_runtime.serving.api.responses import Meta, NerBatchResponse, NerResponse, RedactResponse, Timings
from ner_runtime.serving.api.serialization import EMPTY_REDACTION, entities_json, redaction_json, with_data
from ner_runtime.serving.telemetry.deferred import DEFERRED

# The patterns of a redaction take longer than encoding.
_MAX_INLINE_REDACTED_CHARS = 500


class Handler:
    """Handles requests with one model and its scheduler."""

    def __init__(
        self,
        scheduler: Scheduler,
        limits: RequestLimits,
        cache: Cache,
        *,
        engine: str,
        redact_key: str | None = None,
        lexicons: Lexicons | None = None,
    ) -> None:
        """Set the parts of the handler.

        Args:
            scheduler: scheduler of the model
            limits: limits of each text in a batch request
            cache: shared with the handlers of other models
            engine: name of the inference engine
            redact_key: key of the `hash` operators that have none of their own
            lexicons: the lexicons that requests can use, shared with the handlers of other models
        """
        self._scheduler = scheduler
        self._limits = limits
        self._cache = cache
        self._redact_key = redact_key
        self._lexicons = lexicons or Lexicons()
        # A model that labels words refuses lexicons; the default ones must not make every request to it fail.
        self._takes_lexicons = scheduler.recognizer.manifest.split == "characters"
        recognizer = scheduler.recognizer
        self._identity = model_identity(recognizer.manifest, engine)
        self._colors = type_colors(recognizer.types, recognizer.manifest.colors)

    async def ner(self, request: ApiRequest[NerRequest]) -> bytes:
        """Handle a `POST /ner`; return a `NerResponse` as JSON.

        Raises:
            UnknownType, UnknownLexicon, InvalidValue, Overloaded, ClientGone
        """
        body = request.body
        lexicon = await self._lexicons.of(body, use_default=self._takes_lexicons)
        types = self._scheduler.recognizer.check_types(body.types, lexicon)
        [result] = await self._results([body.text], request, lexicon)
        response = NerResponse(success=True, data=[], meta=self._meta([result], request, lexicon))
        colors = self._colors_with(lexicon)

        def encode() -> bytes:
            return with_data(response, _entities(body.text, result, types, body, colors))

        return await run(encode, len(body.text))

    async def ner_batch(self, request: ApiRequest[NerBatchRequest]) -> bytes:
        """Handle a `POST /ner/batch`; return a `NerBatchResponse` as JSON.

        An invalid text does not affect the others.

        Raises:
            UnknownType, UnknownLexicon, InvalidValue, Overloaded, ClientGone
        """
        body = request.body
        lexicon = await self._lexicons.of(body, use_default=self._takes_lexicons)
        types = self._scheduler.recognizer.check_types(body.types, lexicon)
        checked = [self._check(text) for text in body.texts]
        texts = [text for text in checked if isinstance(text, str)]
        results = await self._results(texts, request, lexicon)
        errors = {str(index): error_item(text) for index, text in enumerate(checked) if isinstance(text, RanerError)}
        response = NerBatchResponse(success=True, data=[], errors=errors, meta=self._meta(results, request, lexicon))
        colors = self._colors_with(lexicon)

        def encode() -> bytes:
            remaining = iter(results)
            data = (
                _entities(text, next(remaining), types, body, colors) if isinstance(text, str) else b"null"
                for text in checked
            )
            return with_data(response, b"[" + b",".join(data) + b"]")

        return await run(encode, sum(map(len, texts)))

    async def redact(self, request: ApiRequest[RedactRequest]) -> bytes:
        """Handle a `POST /redact`; return a `RedactResponse` as JSON.

        Raises:
            UnknownType, UnknownLexicon, InvalidValue, Overloaded, ClientGone
        """
        body, recognizer = request.body, self._scheduler.recognizer
        lexicon = await self._lexicons.of(body, use_default=self._takes_lexicons)
        operators = Operators(body.operators, self._redact_key)
        operators.check_types((*recognizer.types, *(lexicon.types if lexicon else ())))
        wanted = body.types or operators.types(recognizer.manifest.default_types)
        types = recognizer.check_types(wanted, lexicon)
        [result] = await self._results([body.text], request, lexicon)
        response = RedactResponse(success=True, data=EMPTY_REDACTION, meta=self._meta([result], request, lexicon))

        def encode() -> bytes:
            redaction = redact_entities(body.text, _requested(result, types, body), operators, body.patterns)
            request.notes.update(replacements=len(redaction.replacements))
            return with_data(response, redaction_json(body.text, redaction, body.offset_unit))

        return await run(encode, len(body.text), _MAX_INLINE_REDACTED_CHARS)

    def _check(self, text: object) -> str | RanerError:
        try:
            return check_text(text, self._limits)
        except RanerError as error:
            return detached(error)

    async def _results(
        self, texts: Sequence[str], request: ApiRequest[Body], lexicon: LexiconSet | None
    ) -> list[TextResult]:
        """Return the result of each text. If the client disconnects, cancel the work that only this request needs.

        Raises:
            Overloaded, ClientGone
        """
        request.notes.update(model=self._scheduler.metrics.model, texts=len(texts), chars=sum(map(len, texts)))
        identity, recognize = self._identity, self._scheduler.recognize
        if lexicon is not None:
            identity, recognize = with_lexicon(identity, lexicon.digest), partial(recognize, lexicon=lexicon)
        slot = self._scheduler.metrics.model
        if request.disconnected is not None and request.disconnected.done():
            raise ClientGone("the client has disconnected")
        return await until(request.disconnected, self._cache.results(texts, identity, recognize, slot))

    def _colors_with(self, lexicon: LexiconSet | None) -> Mapping[str, str]:
        """Return the colour of each type of the model and of the lexicons. The colours of the model have precedence."""
        return self._colors if lexicon is None else {**type_colors(lexicon.types, lexicon.colors), **self._colors}

    def _meta(self, results: Sequence[TextResult], request: ApiRequest[Body], lexicon: LexiconSet | None) -> Meta:
        now = perf_counter()
        # A request that joined a running computation arrived after it had started, and did not wait.
        started = max(request.received, min((result.started for result in results), default=now))
        queue = started - request.received
        DEFERRED.call(self._scheduler.metrics.observe_queue, queue)
        manifest = self._scheduler.recognizer.manifest
        windows = sum(result.recognition.windows for result in results)
        cached = bool(results) and all(result.cached for result in results)
        request.notes.update(windows=windows, cached=cached, version=manifest.version)
        return Meta(
            model=manifest.name,
            version=manifest.version,
            precision=manifest.precision,
            windows=windows,
            cached=cached,
            offset_unit=request.body.offset_unit,
            **({} if lexicon is None else {"lexicon": lexicon.digest}),
            timings_ms=Timings(
                total=_milliseconds(now - request.received),
                queue=_milliseconds(queue),
                inference=_milliseconds(now - started),
            ),
        )


def _requested(result: TextResult, types: frozenset[str], options: NerOptions) -> list[Entity]:
    """Return the entities that a request asks for."""
    entities = selected(result.recognition.entities, types, every_entry=options.types is None)
    return at_least(entities, options.min_score)


def _entities(
    text: str, result: TextResult, types: frozenset[str], options: NerOptions, colors: Mapping[str, str]
) -> bytes:
    return entities_json(text, _requested(result, types, options), colors, options.offset_unit)


async def until(disconnected: asyncio.Future[None] | None, results: Awaitable[list[TextResult]]) -> list[TextResult]:
    """Wait for the results. When `disconnected` is done before them, cancel them.

    Raises:
        ClientGone
    """
    if disconnected is None:
        return await results
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - requests are handled in tasks

    waiting = True

    def cancel(_: asyncio.Future[None]) -> None:
        # The callback may already be scheduled when the results arrive.
        if waiting:
            task.cancel()

    # Cancelling this task costs less than waiting for two tasks.
    disconnected.add_done_callback(cancel)
    try:
        return await results
    except asyncio.CancelledError:
        if not disconnected.done():
            raise
        task.uncancel()
        raise ClientGone("the client has disconnected") from None
    finally:
        waiting = False
        disconnected.remove_done_callback(cancel)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
