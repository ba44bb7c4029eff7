"""Pages: the UI and its assets, `/model`, `/models`, `/docs` and `/docs.json`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from ner_runtime.errors import RanerError
from ner_runtime.json import to_json
from ner_runtime.serving.api.errors import error_response
from ner_runtime.serving.api.model_status import ModelStatus, models_response
from ner_runtime.serving.api.openapi import openapi

_HTML = {"/": "index.html", "/docs": "docs.html"}
_JSON = "application/json"


class Pages:
    """ASGI application that serves the pages.

    It is not mounted in BentoML, because BentoML keeps metrics for each path and the UI has many files.
    """

    def __init__(self, static: Path, statuses: Mapping[str, ModelStatus]) -> None:
        """Serve the files of the directory `static`, and the models.

        Args:
            static: directory of the UI
            statuses: the status of each model by name; the first is the default model
        """
        files = (path.relative_to(static).as_posix() for path in static.rglob("*") if path.is_file())
        self.paths = frozenset({*_HTML, "/model", "/models", "/docs.json"} | {f"/static/{file}" for file in files})
        self._app = _application(static, statuses)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Range is ignored, as RFC 9110, 14.2 allows: the pages are small and need no partial responses.
        headers = [header for header in scope["headers"] if header[0] != b"range"]
        await self._app({**scope, "headers": headers}, receive, send)


def _application(static: Path, statuses: Mapping[str, ModelStatus]) -> Starlette:
    files = StaticFiles(directory=static)
    default = next(iter(statuses.values()))

    def html(name: str) -> Callable[[Request], Awaitable[Response]]:
        async def page(request: Request) -> Response:
            response = await files.get_response(name, request.scope)
            # The browser revalidates the page each time, so that updates show at once. An unchanged page gets a 304.
            response.headers["cache-control"] = "no-cache"
            return response

        return page

    def model(_request: Request) -> Response:
        return Response(default.response().to_bytes(), media_type=_JSON)

    def models(_request: Request) -> Response:
        return Response(models_response(statuses).to_bytes(), media_type=_JSON)

    def docs_json(_request: Request) -> Response:
        return Response(to_json(openapi()), media_type=_JSON)

    def failed(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RanerError)  # noqa: S101 - Starlette calls this for RanerError only
        return error_response(error)

    return Starlette(
        routes=[
            *(Route(path, html(name)) for path, name in _HTML.items()),
            Route("/model", model),
            Route("/models", models),
            Route("/docs.json", docs_json),
            Mount("/static", files),
        ],
        exception_handlers={RanerError: failed},
    )
