"""Refusals: which requests are refused, and the responses."""

from __future__ import annotations

import json

import httpx
import pytest

from ner_runtime.serving.api.errors import Overloaded, RateLimited
from ner_runtime.serving.http.admission.limits import Admission, Rate
from ner_runtime.serving.http.admission.refusals import Refusals

# Counting requests and refusals needs an event loop.
pytestmark = pytest.mark.anyio

PEER = ("192.0.2.1", 4711)


class Refusing(Refusals):
    """Refusals with a limit of one request in flight."""

    def __init__(self, *, is_open: bool = True, rate: Rate | None = None) -> None:
        self.admission = Admission(max_concurrency=1, max_body_bytes=100, rate=rate)
        super().__init__(self.admission, {"/ner"}, lambda: is_open)


async def test_requests_may_be_refused_only_while_the_service_is_full() -> None:
    refusals = Refusing()
    assert not refusals.may_refuse()
    with refusals.admission.request():
        assert refusals.may_refuse()
        assert isinstance(refusals.refusal("POST", "/ner", [], PEER), Overloaded)
        assert refusals.refusal("POST", "/other", [], PEER) is None
        assert refusals.refusal("GET", "/ner", [], PEER) is None
    assert refusals.refusal("POST", "/ner", [], PEER) is None


async def test_a_service_that_stops_refuses_nothing_here() -> None:
    refusals = Refusing(is_open=False)
    with refusals.admission.request():
        assert not refusals.may_refuse()


def test_with_a_rate_limit_any_request_may_be_refused() -> None:
    refusals = Refusing(rate=Rate(1, 60.0))
    assert refusals.may_refuse()
    assert refusals.refusal("POST", "/ner", [], PEER) is None


@pytest.mark.parametrize("error", [Overloaded("full"), Overloaded("full", 9), RateLimited("slow down", 30)])
def test_a_response_has_the_error_its_headers_and_the_request_id(error: Overloaded | RateLimited) -> None:
    refusals = Refusing()
    for identity in ("a", "b"):
        response = refusals.response(error, identity, ((b"server", b"x"),))
        head, _, body = response.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = httpx.Headers([tuple(line.split(": ", 1)) for line in lines])
        assert status == "HTTP/1.1 429 Too Many Requests"
        assert json.loads(body)["error"] == {"code": error.code, "message": error.message}
        assert int(headers["content-length"]) == len(body)
        assert (headers["x-request-id"], headers["retry-after"]) == (identity, str(error.retry_after_s))
        assert (headers["server"], headers["referrer-policy"]) == ("x", "no-referrer")
