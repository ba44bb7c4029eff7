"""Origins: pages of other hosts that may call the service (CORS). Source: https://fetch.spec.whatwg.org/#cors-protocol."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp


def across_origins(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """The application, open to pages of the given origins; as it is where there are none."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type", "x-api-key", "x-request-id"],
        expose_headers=["retry-after", "x-request-id"],
        max_age=600,
    )
