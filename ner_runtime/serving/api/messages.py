"""Messages between the HTTP layer and the handler: a validated request, and its response."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ner_runtime.errors import RanerError
from ner_runtime.serving.api.requests import RequestBody

Body = TypeVar("Body", bound=RequestBody, covariant=True)

API_REQUEST = "raner_request"
"""Key of `scope["state"]` that holds the `ApiRequest`."""

DISCONNECTED = "raner_disconnected"
"""Key of `scope["state"]` that holds a future, done once the client has disconnected. `HttpProtocol` sets it."""

BODY_ARRIVED = "raner_body_arrived"
"""Key of `scope["state"]` that is present once the whole body has arrived. `HttpProtocol` sets it."""

ApiResponse = bytes | RanerError
"""The JSON body of a successful response, or an error."""


@dataclass(frozen=True, slots=True)
class ApiRequest(Generic[Body]):
    """A validated request with its context.

    body: the request model
    received: when the request arrived, in `perf_counter` seconds
    disconnected: a future that is done once the client has disconnected; None if the connection is not watched
    notes: numbers about the request for the access log, never its text
    """

    body: Body
    received: float
    disconnected: asyncio.Future[None] | None = None
    notes: dict[str, object] = field(default_factory=dict[str, object])
