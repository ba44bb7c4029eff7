import json
from collections.abc import Iterator

import pytest

from ner_runtime.errors import InvalidValue, RanerError
from ner_runtime.serving.api.errors import (
    STATUSES,
    ApiError,
    MethodNotAllowed,
    NotReady,
    Overloaded,
    RateLimited,
    TimedOut,
    Unauthorized,
    detached,
    error_for_status,
    error_response,
    status_of,
)


def subclasses(kind: type[RanerError]) -> Iterator[type[RanerError]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


def test_every_error_has_a_code_of_its_own_and_the_table_lists_those_that_a_request_can_cause() -> None:
    errors = [error for error in (RanerError, *subclasses(RanerError)) if error.__dict__.get("code")]
    codes = [error.code for error in errors]
    assert len(codes) == len(set(codes))
    assert set(STATUSES) <= set(codes)
    assert {error.code for error in subclasses(ApiError) if "code" in error.__dict__} <= set(STATUSES)


@pytest.mark.parametrize("status", [404, 405, 429, 503, 504, 500])
def test_a_status_of_another_layer_becomes_an_error_of_that_status(status: int) -> None:
    assert status_of(error_for_status(status, {})) == status


def test_a_response_states_the_error() -> None:
    response = error_response(InvalidValue("types: should not be empty"))
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/json"
    assert json.loads(bytes(response.body)) == {
        "success": False,
        "error": {"code": "invalid_value", "message": "types: should not be empty"},
    }


@pytest.mark.parametrize(
    ("error", "status", "header", "value"),
    [
        (Overloaded("full"), 429, "retry-after", "1"),
        (RateLimited("slow down", 7), 429, "retry-after", "7"),
        (NotReady("not yet"), 503, "retry-after", "1"),
        (TimedOut("too slow"), 504, "connection", "close"),
        (Unauthorized("no key"), 401, "www-authenticate", "Bearer"),
        (MethodNotAllowed("PUT is not allowed", "POST"), 405, "allow", "POST"),
    ],
)
def test_an_error_carries_its_status_and_headers(error: ApiError, status: int, header: str, value: str) -> None:
    assert error.status == status
    assert error_response(error).headers[header] == value


def test_a_detached_error_refers_to_no_frames() -> None:
    try:
        try:
            raise KeyError
        except KeyError:
            raise InvalidValue("bad") from None
    except RanerError as error:
        kept = detached(error)
    assert isinstance(kept, InvalidValue)
    assert (kept.__traceback__, kept.__context__) == (None, None)
