import json
from collections.abc import Iterator

import pytest

from ner_runtime.errors import RanerError
from ner_runtime.serving.api.errors import (
    STATUSES,
    NotReady,
    Overloaded,
    RateLimited,
    TimedOut,
    error_body,
    error_headers,
    error_of_status,
    status_of,
)


def subclasses(kind: type[RanerError]) -> Iterator[type[RanerError]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


def test_every_status_belongs_to_an_error_and_no_two_errors_share_a_code() -> None:
    codes = [error.code for error in (RanerError, *subclasses(RanerError))]
    assert len(codes) == len(set(codes))
    assert set(STATUSES) <= set(codes)


@pytest.mark.parametrize("status", [404, 405, 429, 503, 504, 500])
def test_a_bare_status_becomes_the_error_of_that_status(status: int) -> None:
    assert status_of(error_of_status(status)) == status


def test_the_one_shape() -> None:
    assert json.loads(error_body(Overloaded("full"))) == {
        "success": False,
        "error": {"code": "overloaded", "message": "full"},
    }
    assert error_headers(Overloaded("full")) == {"retry-after": "1"}


def test_headers_that_errors_bring_along() -> None:
    assert error_headers(RateLimited("slow down", 7)) == {"retry-after": "7"}
    assert error_headers(NotReady("not yet")) == {"retry-after": "1"}
    assert error_headers(TimedOut("too slow")) == {"connection": "close"}
