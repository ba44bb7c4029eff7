"""The one table from errors to HTTP statuses, the errors that only HTTP knows, and the one shape of an error."""

from __future__ import annotations

from collections.abc import Mapping

from ner_runtime.errors import RanerError
from ner_runtime.json import to_json

RETRY_AFTER_S = 1


class Unauthorized(RanerError):
    """No API key, or a wrong one."""

    code = "unauthorized"


class NotFound(RanerError):
    """There is nothing at that path."""

    code = "not_found"


class MethodNotAllowed(RanerError):
    """The path is there, but not for that method."""

    code = "method_not_allowed"


class BodyTooLarge(RanerError):
    """The body is larger than the configured limit."""

    code = "body_too_large"


class TooManyTexts(RanerError):
    """A batch holds more texts than the configured limit."""

    code = "too_many_texts"


class UnsupportedMediaType(RanerError):
    """The body is not declared to be JSON in UTF-8."""

    code = "unsupported_media_type"


class Overloaded(RanerError):
    """The service has more to do than it can answer in time."""

    code = "overloaded"

    def __init__(self, message: str, retry_after_s: int = RETRY_AFTER_S) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RateLimited(RanerError):
    """A client has sent more requests than it may."""

    code = "rate_limited"

    def __init__(self, message: str, retry_after_s: int = RETRY_AFTER_S) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotReady(RanerError):
    """The service cannot answer at present."""

    code = "not_ready"
    retry_after_s = RETRY_AFTER_S


class TimedOut(RanerError):
    """No answer, or no whole request, within the configured time."""

    code = "timed_out"


class ClientGone(RanerError):
    """The client has left; nobody reads this."""

    code = "client_gone"


STATUSES: Mapping[str, int] = {
    "malformed_request": 400,
    "unauthorized": 401,
    "not_found": 404,
    "method_not_allowed": 405,
    "body_too_large": 413,
    "text_too_long": 413,
    "too_many_texts": 413,
    "unsupported_media_type": 415,
    "invalid_value": 422,
    "empty_text": 422,
    "unknown_type": 422,
    "overloaded": 429,
    "rate_limited": 429,
    "client_gone": 499,
    "internal": 500,
    "not_ready": 503,
    "timed_out": 504,
}

_OF_STATUS: Mapping[int, RanerError] = {
    404: NotFound("there is nothing at this path"),
    405: MethodNotAllowed("this path does not take this method"),
    429: Overloaded("too many requests are in flight; try again shortly"),
    503: NotReady("the service is not ready; try again shortly"),
    504: TimedOut("the request took longer than the service allows"),
}


def status_of(error: RanerError) -> int:
    """The HTTP status of an error; 500 for one that no request should be able to cause."""
    return STATUSES.get(error.code, 500)


def error_of_status(status: int) -> RanerError:
    """The error to answer where a status came without one of ours, from the server around the service."""
    return _OF_STATUS.get(status, RanerError("an unexpected error has occurred; the server's log says more"))


def error_item(error: RanerError) -> dict[str, str]:
    """`{"code": …, "message": …}`."""
    return {"code": error.code, "message": error.message}


def error_body(error: RanerError) -> bytes:
    """`{"success": false, "error": {"code": …, "message": …}}` as UTF-8 JSON."""
    return to_json({"success": False, "error": error_item(error)})


def error_headers(error: RanerError) -> dict[str, str]:
    """Headers that an error brings along."""
    if isinstance(error, Overloaded | RateLimited | NotReady):
        return {"retry-after": str(error.retry_after_s)}
    if isinstance(error, Unauthorized):
        return {"www-authenticate": "Bearer"}
    if isinstance(error, TimedOut):
        # What is left of a request that came too slowly may still come, and is no new one.
        return {"connection": "close"}
    return {}
