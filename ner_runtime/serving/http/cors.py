"""CORS: allow web pages of other origins to call the service. Source: https://fetch.spec.whatwg.org/#cors-protocol."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp


def with_cors(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """Allow pages of `origins` (`*` for any origin) to call `app`. Without origins, return `app` unchanged."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-encoding", "content-type", "x-api-key", "x-request-id"],
        expose_headers=["retry-after", "x-request-id"],
        max_age=600,
    )
