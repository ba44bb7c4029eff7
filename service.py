"""The BentoML service: workers, adaptive batching, limits, mounts. Nothing is computed here."""

from __future__ import annotations

import os
from collections.abc import Awaitable
from pathlib import Path

import bentoml
from starlette.types import ASGIApp

from ner_runtime.serving.answering.cache import Cache
from ner_runtime.serving.answering.cache_url import open_store
from ner_runtime.serving.answering.handler import Answer, Handler
from ner_runtime.serving.answering.scheduler import Reader
from ner_runtime.serving.api.schemas import Limits, read_ner, read_ner_batch
from ner_runtime.serving.http.admission import Rate
from ner_runtime.serving.http.bentoml_io import AnswerOutput, ParsedInput
from ner_runtime.serving.http.cors import across_origins
from ner_runtime.serving.http.edge import ApiRequest, Edge, EdgeLimits, Routes
from ner_runtime.serving.http.pages import page_paths, with_pages
from ner_runtime.serving.lifecycle.shutdown import CloseConnections, Shutdown
from ner_runtime.serving.lifecycle.startup import check_or_exit, settings_or_exit
from ner_runtime.serving.lifecycle.worker import Worker
from ner_runtime.serving.telemetry.logs import configure_logs, log_response
from ner_runtime.serving.telemetry.metrics import observe_response, observe_worker

STATIC = Path(__file__).parent / "static"
MAX_BATCH_SIZE = 64

settings = settings_or_exit()
configure_logs(settings.log_level, settings.log_format)
# uvicorn would believe the X-Forwarded-For of whoever calls from this host; the edge counts proxies instead.
os.environ["FORWARDED_ALLOW_IPS"] = ""
limits = Limits(settings.max_chars, settings.max_texts)
description: dict[str, object] = {}
departure = Shutdown(settings.drain_s, settings.grace_s)

# "none": BentoML installs no compilers, no git and no other system packages; every dependency has a wheel.
image = bentoml.images.Image(base_image="python:3.11-slim-bookworm", distro="none", python_version="3.11")
image.build_include("requirements")


class EdgedService(bentoml.Service[object]):
    """A BentoML service with the edge around its application."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        routes = Routes(
            pages=page_paths(STATIC),
            bodies={
                "/ner": lambda body: read_ner(body, limits),
                "/ner/batch": lambda body: read_ner_batch(body, limits),
            },
        )
        edge_limits = EdgeLimits(
            max_body_bytes=settings.max_body_bytes,
            timeout_s=settings.timeout_s,
            max_concurrency=settings.max_concurrency,
            key_digests=settings.api_keys,
            rate=Rate.parse(settings.rate_limit),
            trusted_proxies=settings.trusted_proxies,
        )
        app = with_pages(super().to_asgi(is_main), STATIC, lambda: description)
        edge = Edge(app, routes, edge_limits, observe_response, log_response)
        return CloseConnections(across_origins(edge, settings.cors_origins), departure)


@bentoml.service(
    name="raner",
    service_class=EdgedService,
    image=image,
    workers=settings.workers,
    # Requests in flight are counted at the edge: BentoML counts pages too, which then fail under load.
    traffic={"timeout": settings.timeout_s},
    logging={"access": {"enabled": False}},
    http={"port": settings.port},
)
class Raner:
    """People, places and organisations in Chinese text."""

    @bentoml.on_deployment
    @staticmethod
    def check() -> None:
        # Called once, in the parent, before there are workers; they have no use for what is imported here.
        from ner_runtime.serving.lifecycle.supervisor import use_supervisor

        use_supervisor(settings)
        check_or_exit(settings)

    def __init__(self) -> None:
        self._worker = Worker(settings, departure, description, bentoml.server_context.worker_index == 1)
        self._cache = Cache(open_store(settings.cache_url, settings.cache_ttl_s))
        self._worker.open(self._answers)

    @bentoml.on_startup
    async def start(self) -> None:
        self._worker.start()
        observe_worker(ready=True)

    @bentoml.on_shutdown
    async def stop(self) -> None:
        self._worker.stop()
        observe_worker(ready=False)
        await self._cache.close()

    def _answers(self, reader: Reader) -> Handler:
        return Handler(reader, limits, self._cache, timeout_s=settings.timeout_s, engine=settings.engine)

    def __is_ready__(self) -> bool:
        return self._worker.ready

    @bentoml.api(
        route="/ner",
        batchable=True,
        max_batch_size=MAX_BATCH_SIZE,
        max_latency_ms=int(settings.timeout_s * 1000),
        input_spec=ParsedInput,
        output_spec=AnswerOutput,
    )
    async def ner(self, requests: list[ApiRequest]) -> list[Awaitable[Answer]]:
        # What came together is let in together, and the next batch need not wait until it is read.
        return [self._worker.model_slot.ner(request) for request in requests]

    @bentoml.api(route="/ner/batch", input_spec=ParsedInput, output_spec=AnswerOutput)
    async def ner_batch(self, requests: list[ApiRequest]) -> list[Answer]:
        return [await self._worker.model_slot.ner_batch(request) for request in requests]
