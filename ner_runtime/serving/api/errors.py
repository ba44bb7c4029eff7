"""Errors of the HTTP API: the status and headers of each error, and the error response."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ner_runtime.errors import RanerError
from ner_runtime.serving.api.responses import ErrorItem, ErrorResponse

RETRY_AFTER_S = 1

STATUSES: Mapping[str, int] = {
    "malformed_request": 400,
    "unauthorized": 401,
    "not_found": 404,
    "method_not_allowed": 405,
    "head_timed_out": 408,
    "body_too_large": 413,
    "text_too_long": 413,
    "too_many_texts": 413,
    "unsupported_media_type": 415,
    "invalid_value": 422,
    "empty_text": 422,
    "unknown_model": 422,
    "unknown_lexicon": 422,
    "unknown_type": 422,
    "overloaded": 429,
    "rate_limited": 429,
    "client_gone": 499,
    "internal": 500,
    "not_ready": 503,
    "timed_out": 504,
}
"""The HTTP status of each error code. Codes that are not listed have status 500."""

_RESPONSE_ERROR = "raner_error"


class ApiError(RanerError):
    """An error that only the HTTP API raises. `headers` are added to the response."""

    headers: Mapping[str, str] = {}

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUSES[self.code]


class Unauthorized(ApiError):
    """The API key is missing or wrong."""

    code = "unauthorized"
    headers: Mapping[str, str] = {"www-authenticate": "Bearer"}


class NotFound(ApiError):
    """The path does not exist."""

    code = "not_found"


class MethodNotAllowed(ApiError):
    """The path exists, but does not support the method."""

    code = "method_not_allowed"

    def __init__(self, message: str, allow: str) -> None:
        """`allow`: the methods that the path supports, as in the `Allow` header."""
        super().__init__(message)
        self.headers = {"allow": allow}


class HeadTimedOut(ApiError):
    """The request line and the headers were not complete in time."""

    code = "head_timed_out"


class BodyTooLarge(ApiError):
    """The body exceeds `max_body_bytes`."""

    code = "body_too_large"


class TooManyTexts(ApiError):
    """The batch exceeds `max_texts`."""

    code = "too_many_texts"


class UnknownLexicon(ApiError):
    """The service has no lexicon with the requested name."""

    code = "unknown_lexicon"


class UnknownModel(ApiError):
    """The service has no model with the requested name."""

    code = "unknown_model"


class UnsupportedMediaType(ApiError):
    """The body is not declared as JSON in UTF-8, or its content coding is not supported."""

    code = "unsupported_media_type"


class RetryLater(ApiError):
    """A temporary error. Its response has a `Retry-After` header."""

    def __init__(self, message: str, retry_after_s: int = RETRY_AFTER_S) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.headers = {"retry-after": str(retry_after_s)}


class Overloaded(RetryLater):
    """The service has more work than it can finish in time."""

    code = "overloaded"


class RateLimited(RetryLater):
    """The client exceeds its rate limit."""

    code = "rate_limited"


class NotReady(RetryLater):
    """The service is starting, stopping or recovering."""

    code = "not_ready"


class TimedOut(ApiError):
    """The body or the response was not complete in time."""

    code = "timed_out"
    # The rest of a late body may still arrive and must not be parsed as the next request.
    headers: Mapping[str, str] = {"connection": "close"}


class ClientGone(ApiError):
    """The client disconnected before the response was complete."""

    code = "client_gone"


def status_of(error: RanerError) -> int:
    """Return the HTTP status of an error; 500 if its code is not in `STATUSES`."""
    return STATUSES.get(error.code, 500)


def error_for_status(status: int, headers: Mapping[str, str]) -> RanerError:
    """Return the error to send in place of an error response of BentoML, Starlette or uvicorn.

    Args:
        status: status of the response to replace
        headers: headers of the response to replace
    """
    match status:
        case 404:
            return NotFound("this path does not exist")
        case 405:
            return MethodNotAllowed("this path does not support this method", headers.get("allow", ""))
        case 429:
            return Overloaded("too many requests are in flight; try again shortly")
        case 503:
            return NotReady("the service is not ready; try again shortly")
        case 504:
            return TimedOut("the request took longer than the service allows")
        case _:
            return RanerError("an unexpected error occurred; see the server's log")


def detached(error: RanerError) -> RanerError:
    """Return an error that was caught, without its traceback and its context, so that it can be kept.

    The frames of a traceback refer to the body of the request and to what keeps the error: memory that only a full
    garbage collection would release, which workers almost never run.
    """
    error.__context__ = None
    return error.with_traceback(None)


def error_item(error: RanerError) -> ErrorItem:
    """Return the code and the message of an error."""
    return ErrorItem(code=error.code, message=error.message)


def error_response(error: RanerError, status: int | None = None) -> Response:
    """Return the response for an error, including the headers of the error.

    Args:
        error: the error
        status: status of the response; by default that of the error
    """
    return _ErrorResponse(error, status or status_of(error))


def response_error(scope: Scope) -> RanerError | None:
    """Return the error of the response started in this ASGI scope; None if `error_response` did not create it."""
    return scope.get("state", {}).get(_RESPONSE_ERROR)


class _ErrorResponse(Response):
    media_type = "application/json"

    def __init__(self, error: RanerError, status: int) -> None:
        content = ErrorResponse(success=False, error=error_item(error)).to_bytes()
        super().__init__(content, status, error.headers if isinstance(error, ApiError) else None)
        self._error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The edge replaces every error response that has not recorded its error here.
        scope.setdefault("state", {})[_RESPONSE_ERROR] = detached(self._error)
        await super().__call__(scope, receive, send)
