"""Refusals: responses to requests that are refused because of load, without a task and without their body.

Under overload, a refusal must cost less than the work that it saves. So the response is assembled from bytes that are
made once per error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from http import HTTPStatus

from ner_runtime.errors import RanerError
from ner_runtime.serving.api.errors import RetryLater, error_response
from ner_runtime.serving.http.admission.limits import Admission
from ner_runtime.serving.http.headers import COMMON_HEADERS, REQUEST_ID_HEADER

Headers = tuple[tuple[bytes, bytes], ...]


class Refusals:
    """Refuses requests of all connections of this process."""

    def __init__(self, admission: Admission, paths: Collection[str], is_open: Callable[[], bool]) -> None:
        """Start without refusals.

        Args:
            admission: decides which requests are refused
            paths: the paths whose requests are subject to admission
            is_open: whether requests may be refused here; not, for example, while the service stops, because responses
                must then close their connections
        """
        self._admission = admission
        self._paths = paths
        self._is_open = is_open

    def may_refuse(self) -> bool:
        """Whether a request could be refused now. A quick check, for each request."""
        return self._admission.may_refuse() and self._is_open()

    def refusal(
        self, method: str, path: str, headers: Sequence[tuple[bytes, bytes]], peer: tuple[str, int] | None
    ) -> RetryLater | None:
        """Return why a request whose head has arrived is refused; None if it may pass.

        Args:
            method: its method
            path: its path
            headers: its headers, with names in lower case
            peer: address and port of the connection's other end
        """
        if method != "POST" or path not in self._paths:
            return None
        return self._admission.refusal(headers, peer)

    def response(self, error: RetryLater, identity: str, headers: Headers = ()) -> bytes:
        """Return a response: status line, headers and body.

        Args:
            error: why the request is refused
            identity: id of the request
            headers: further headers
        """
        head, body = _parts(type(error), error.message, error.retry_after_s, headers)
        return b"%b%b%b" % (head, identity.encode(), body)


def response_bytes(error: RanerError, identity: str, headers: Headers) -> bytes:
    """Return an error response: status line, headers and body.

    Args:
        error: the error
        identity: id of the request
        headers: further headers
    """
    response = error_response(error)
    status = response.status_code
    fields = [*headers, *response.raw_headers, *COMMON_HEADERS, (REQUEST_ID_HEADER, identity.encode())]
    lines = [b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode()), *(b"%b: %b" % field for field in fields)]
    return b"\r\n".join([*lines, b"", bytes(response.body)])


@lru_cache(maxsize=256)
def _parts(kind: type[RetryLater], message: str, retry_after_s: int, headers: Headers) -> tuple[bytes, bytes]:
    """Return the bytes of a response before and after the request id."""
    response = response_bytes(kind(message, retry_after_s), "\0", headers)
    head, _, body = response.partition(b"\0")
    return head, body
