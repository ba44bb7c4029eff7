"""CORS: allow web pages of other origins to call the service. Source: https://fetch.spec.whatwg.org/#cors-protocol."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from ner_runtime.errors import MalformedRequest
from ner_runtime.serving.api.errors import error_response

_BODY_HEADERS = ("content-length", "content-type")


def with_cors(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """Allow pages of `origins` (`*` for any origin) to call `app`. Without origins, return `app` unchanged."""
    if not origins:
        return app
    return _Cors(
        app,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-encoding", "content-type", "x-api-key", "x-request-id"],
        expose_headers=["retry-after", "x-request-id"],
        max_age=600,
    )


class _Cors(CORSMiddleware):
    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code < HTTPStatus.BAD_REQUEST:
            return response
        refused = error_response(MalformedRequest("the origin, the method or a header is not allowed by CORS"))
        refused.headers.update({name: value for name, value in response.headers.items() if name not in _BODY_HEADERS})
        return refused
