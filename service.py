"""The BentoML service: workers, API methods, limits, and the edge that wraps BentoML's application."""

from __future__ import annotations

import os
from collections.abc import Awaitable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import bentoml
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from ner_runtime.errors import RanerError
from ner_runtime.serving.answering.cache import Cache
from ner_runtime.serving.answering.cache_url import open_store
from ner_runtime.serving.answering.handler import Handler
from ner_runtime.serving.answering.lexicons import Lexicons
from ner_runtime.serving.answering.scheduler import Scheduler
from ner_runtime.serving.api.errors import error_response
from ner_runtime.serving.api.lexicon_status import LexiconStatus
from ner_runtime.serving.api.messages import API_REQUEST, ApiRequest, ApiResponse
from ner_runtime.serving.api.model_status import ModelStatus
from ner_runtime.serving.api.requests import (
    NerBatchRequest,
    NerRequest,
    RedactRequest,
    RequestLimits,
    parse_ner,
    parse_ner_batch,
    parse_redact,
)
from ner_runtime.serving.http.admission.limits import Admission, Rate
from ner_runtime.serving.http.admission.refusals import Refusals
from ner_runtime.serving.http.bodies import BodyReader
from ner_runtime.serving.http.connection.protocol import KEEP_ALIVE_S, HttpProtocol
from ner_runtime.serving.http.cors import with_cors
from ner_runtime.serving.http.edge import Edge, Parser
from ner_runtime.serving.http.listener import OPEN_CONNECTIONS
from ner_runtime.serving.http.pages import Pages
from ner_runtime.serving.lifecycle.heartbeat import run_dir
from ner_runtime.serving.lifecycle.lexicon_folder import LexiconFolder
from ner_runtime.serving.lifecycle.shutdown import CloseConnections, Shutdown
from ner_runtime.serving.lifecycle.startup import check_or_exit, settings_or_exit, warn_of_unknown_variables
from ner_runtime.serving.lifecycle.worker import Worker
from ner_runtime.serving.telemetry.logs import configure_logs, log_response
from ner_runtime.serving.telemetry.metrics import observe_response, observe_worker
from ner_runtime.upstream.private import (
    cache_api_methods,
    keep_alive_is_set,
    shorten_request_path,
    use_event_loop,
    use_http_protocol,
    use_short_request_path,
)

STATIC = Path(__file__).parent / "static"
MAX_BATCH_SIZE = 64

settings = settings_or_exit()
configure_logs(settings.log_level, settings.log_format)
# Otherwise uvicorn trusts the X-Forwarded-For of every client on this host; admission counts trusted proxies instead.
os.environ["FORWARDED_ALLOW_IPS"] = ""
use_event_loop("ner_runtime.serving.http.listener:loop_factory")
limits = RequestLimits(
    settings.max_chars, settings.max_texts, tuple(settings.served_models), settings.max_lexicon_entries
)
lexicon_status = LexiconStatus()
model_statuses = {name: ModelStatus(lexicon_status) for name in settings.served_models}
shutdown = Shutdown(settings.drain_s, settings.grace_s)

# "none": BentoML installs no compilers, no git and no other system packages; every dependency has a wheel.
image = bentoml.images.Image(base_image="python:3.11-slim-bookworm", distro="none", python_version="3.11")
image.build_include("requirements")


class EdgeService(bentoml.Service[object]):
    """A BentoML service whose ASGI application is wrapped in the edge."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        admission = Admission(
            max_concurrency=settings.max_concurrency,
            max_body_bytes=settings.max_body_bytes,
            key_digests=settings.api_keys,
            rate=Rate.parse(settings.rate_limit),
            trusted_proxies=settings.trusted_proxies,
        )
        use_short_request_path()
        app = shorten_request_path(super().to_asgi(is_main))
        parsers: dict[str, Parser] = {
            "/ner": lambda body: parse_ner(body, limits),
            "/ner/batch": lambda body: parse_ner_batch(body, limits),
            "/redact": lambda body: parse_redact(body, limits),
        }
        observers = (observe_response, log_response)
        # Once the shutdown has begun, responses must close their connections, which `CloseConnections` does.
        refusals = Refusals(admission, parsers, lambda: not shutdown.begun)
        keep_alive_s = None if keep_alive_is_set() else KEEP_ALIVE_S
        use_http_protocol(partial(HttpProtocol, refusals=refusals, observers=observers, keep_alive_s=keep_alive_s))
        edge = Edge(
            app,
            Pages(STATIC, model_statuses),
            parsers,
            admission,
            BodyReader(settings.max_body_bytes, settings.timeout_s),
            settings.timeout_s,
            *observers,
        )
        return CloseConnections(with_cors(edge, settings.cors_origins), shutdown)


@dataclass(frozen=True, slots=True)
class _Arguments:
    # BentoML passes the attributes listed in `model_fields` to the API method. On an instance of `ValidatedInput`, each
    # access to `model_fields` creates a deprecation warning, which costs a tenth of a cached request.
    requests: list[Any]
    model_fields: ClassVar = ("requests",)


class ValidatedInput(bentoml.IODescriptor):
    """Passes the validated request from the edge to an API method, in a list of one, so that BentoML can batch it."""

    requests: list[Any]

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> Any:
        return _Arguments([request.scope["state"][API_REQUEST]])


class HandlerOutput(bentoml.IODescriptor):
    """Converts the result of an API method, a list of one `ApiResponse` or of one awaitable, to an HTTP response."""

    responses: list[Any]

    @classmethod
    async def to_http_response(cls, obj: Any, serde: Any) -> Response:
        [outcome] = obj
        response: ApiResponse = await outcome if isinstance(outcome, Awaitable) else outcome
        if isinstance(response, RanerError):
            return error_response(response)
        return Response(response, media_type="application/json")


@bentoml.service(
    name="raner",
    service_class=EdgeService,
    image=image,
    workers=settings.workers,
    # The edge limits the requests in flight: BentoML's limit would also count pages and reject them under load.
    traffic={"timeout": settings.timeout_s},
    logging={"access": {"enabled": False}},
    http={"port": settings.port},
)
class Raner:
    """Named-entity recognition for Chinese text: people, places and organisations."""

    @bentoml.on_deployment
    @staticmethod
    def check() -> None:
        # Runs once, in the parent process, before the workers start. Workers do not need this import.
        from ner_runtime.serving.lifecycle.supervisor import use_supervisor

        # Before the supervisor sets variables of its own.
        warn_of_unknown_variables(os.environ)
        use_supervisor(settings)
        check_or_exit(settings)

    def __init__(self) -> None:
        if (shared := run_dir()) is not None:
            OPEN_CONNECTIONS.share(shared / "connections", bentoml.server_context.worker_index or 0)
        self._lexicons = Lexicons(settings.default_lexicons, settings.max_lexicon_entries)
        folder = (
            LexiconFolder(Path(settings.lexicons), settings.default_lexicons, self._lexicons, lexicon_status)
            if settings.lexicons
            else None
        )
        self._worker = Worker(settings, shutdown, model_statuses, bentoml.server_context.worker_index == 1, folder)
        self._cache = Cache(open_store(settings.cache_url, settings.cache_ttl_s))
        self._worker.open(self._make_handler)
        cache_api_methods(self)

    @bentoml.on_startup
    async def start(self) -> None:
        self._worker.start()
        observe_worker(ready=True)

    @bentoml.on_shutdown
    async def stop(self) -> None:
        self._worker.stop()
        observe_worker(ready=False)
        await self._cache.close()

    def _make_handler(self, scheduler: Scheduler) -> Handler:
        return Handler(
            scheduler,
            limits,
            self._cache,
            engine=scheduler.recognizer.engine_name,
            redact_key=settings.redact_key.get_secret_value(),
            lexicons=self._lexicons,
        )

    def __is_ready__(self) -> bool:
        return self._worker.ready

    @bentoml.api(
        route="/ner",
        batchable=True,
        max_batch_size=MAX_BATCH_SIZE,
        max_latency_ms=int(settings.timeout_s * 1000),
        input_spec=ValidatedInput,
        output_spec=HandlerOutput,
    )
    async def ner(self, requests: list[ApiRequest[NerRequest]]) -> list[Awaitable[ApiResponse]]:
        # The scheduler batches the windows of all requests that are in progress: here, no request waits for another.
        return [self._worker.model_slot(request.body.model).ner(request) for request in requests]

    @bentoml.api(route="/ner/batch", input_spec=ValidatedInput, output_spec=HandlerOutput)
    async def ner_batch(self, requests: list[ApiRequest[NerBatchRequest]]) -> list[ApiResponse]:
        return [await self._worker.model_slot(request.body.model).ner_batch(request) for request in requests]

    @bentoml.api(
        route="/redact",
        batchable=True,
        max_batch_size=MAX_BATCH_SIZE,
        max_latency_ms=int(settings.timeout_s * 1000),
        input_spec=ValidatedInput,
        output_spec=HandlerOutput,
    )
    async def redact(self, requests: list[ApiRequest[RedactRequest]]) -> list[Awaitable[ApiResponse]]:
        return [self._worker.model_slot(request.body.model).redact(request) for request in requests]
