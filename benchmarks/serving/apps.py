"""Three small ASGI applications to compare with: the replaced design, its best variant, and a constant response.

`design` is the service that RaNER Service replaces: a pool of two ModelScope pipelines that raises an error if none is
free, and a blocking call in an asynchronous route. `variant` is the best that the same parts allow: the calls run in
threads, requests wait for a free pipeline, and texts are not padded to 512 tokens. Starlette stands in for FastAPI,
which is built on it and costs more. Errors of the pipeline get status 500.

    BENCH_CHECKPOINT=DIR uvicorn --factory benchmarks.serving.apps:design
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

CHECKPOINT = "BENCH_CHECKPOINT"
"""The environment variable that names the directory of a ModelScope checkpoint."""
PIPELINES = 2
_CONSTANT = b'{"success":true,"data":[],"meta":{}}'


class NoPipeline(Exception):
    """All pipelines of the pool are busy."""


class Pool:
    """A pool of pipelines that raises an error if none is free."""

    def __init__(self, pipelines: list[Callable[[str], Any]]) -> None:
        self._free = pipelines

    @contextmanager
    def pipeline(self) -> Generator[Callable[[str], Any]]:
        """Take a pipeline for the block.

        Raises:
            NoPipeline: none is free.
        """
        if not self._free:
            raise NoPipeline
        pipeline = self._free.pop()
        try:
            yield pipeline
        finally:
            self._free.append(pipeline)


def design() -> ASGIApp:
    """Return the replaced design."""
    pool = Pool([_pipeline() for _ in range(PIPELINES)])

    async def ner(request: Request) -> Response:
        text: str = (await request.json())["text"]
        try:
            with pool.pipeline() as pipeline:
                # Blocks the event loop, as the design does.
                return _response(pipeline(text))
        except NoPipeline:
            return JSONResponse({"error": "no model instance is free"}, 503)

    return _app(ner)


def variant() -> ASGIApp:
    """Return the best variant of the design: threads, waiting, no padding."""
    import torch

    torch.set_num_threads(1)
    free = asyncio.Queue[Callable[[str], Any]]()
    for _ in range(PIPELINES):
        free.put_nowait(_pipeline(padding="do_not_pad"))

    async def ner(request: Request) -> Response:
        text: str = (await request.json())["text"]
        pipeline = await free.get()
        try:
            return _response(await asyncio.to_thread(pipeline, text))
        finally:
            free.put_nowait(pipeline)

    return _app(ner)


def constant() -> ASGIApp:
    """Return an application that reads the body and returns a constant: the most that Starlette can do."""

    async def ner(request: Request) -> Response:
        await request.body()
        return Response(_CONSTANT, media_type="application/json")

    return _app(ner)


def _app(ner: Callable[[Request], Any]) -> ASGIApp:
    async def ready(request: Request) -> Response:
        return Response(b"")

    return Starlette(routes=[Route("/ner", ner, methods=["POST"]), Route("/readyz", ready)])


def _pipeline(**options: Any) -> Callable[[str], Any]:
    from modelscope.pipelines import pipeline

    created: Any = pipeline("named-entity-recognition", model=os.environ[CHECKPOINT], device="cpu", **options)
    return created


def _response(result: Any) -> Response:
    # The pipeline returns NumPy numbers, which JSON does not know.
    numbers = {"start": int, "end": int, "prob": float}
    items = [{key: numbers.get(key, str)(value) for key, value in item.items()} for item in result["output"]]
    return JSONResponse({"success": True, "data": items})
