"""Pages: all that is read with GET and is not BentoML's own: the UI, its assets, `/model`, `/docs`, `/docs.json`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from ner_runtime.json import to_json
from ner_runtime.serving.api.openapi import openapi

PROBES = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})
"""Paths that BentoML answers."""

_HTML = {"/": "index.html", "/docs": "docs.html"}


def page_paths(static: Path) -> frozenset[str]:
    """Every path that may be read, by name: the pages, the probes, and each file of the UI."""
    files = (path.relative_to(static).as_posix() for path in static.rglob("*") if path.is_file())
    return PROBES | {*_HTML, "/model", "/docs.json"} | {f"/static/{file}" for file in files}


def with_pages(app: ASGIApp, static: Path, describe: Callable[[], dict[str, object]]) -> ASGIApp:
    """An application with the pages beside it.

    They are not mounted in it, since BentoML counts each path for itself, and there are as many as the UI has files.
    """
    beside = pages(static, describe)
    ours = page_paths(static) - PROBES

    async def forked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in ours:
            await beside(_whole(scope), receive, send)
        else:
            await app(scope, receive, send)

    return forked


def _whole(scope: Scope) -> Scope:
    # All pages are small, and a server may pass over a Range (RFC 9110, 14.2): one kind of answer and of error less.
    return {**scope, "headers": [header for header in scope["headers"] if header[0] != b"range"]}


def pages(static: Path, describe: Callable[[], dict[str, object]]) -> Starlette:
    """The application of the pages. `describe` gives the body of `/model`."""

    files = StaticFiles(directory=static)

    def html(name: str) -> Callable[[Request], Awaitable[Response]]:
        async def page(request: Request) -> Response:
            response = await files.get_response(name, request.scope)
            # A page is asked for anew each time, so that an update shows at once; what has not changed is answered 304.
            response.headers["cache-control"] = "no-cache"
            return response

        return page

    def model(_request: Request) -> Response:
        return Response(to_json({"success": True, **describe()}), media_type="application/json")

    def docs_json(_request: Request) -> Response:
        return Response(to_json(openapi()), media_type="application/json")

    return Starlette(
        routes=[
            *(Route(path, html(name)) for path, name in _HTML.items()),
            Route("/model", model),
            Route("/docs.json", docs_json),
            Mount("/static", files),
        ]
    )
