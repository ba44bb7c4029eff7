import hashlib

import pytest
from prometheus_client import REGISTRY
from starlette.requests import Request

from ner_runtime.serving.api.errors import Overloaded, RateLimited, Unauthorized
from ner_runtime.serving.http.admission import limits
from ner_runtime.serving.http.admission.limits import ARRIVING_BODIES, Admission, Rate, RateLimiter
from ner_runtime.serving.telemetry.deferred import DEFERRED

# Counting requests and refusals needs an event loop.
pytestmark = pytest.mark.anyio


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(limits, "monotonic", lambda: now[0])
    return now


def request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "client": ("10.0.0.1", 1234), "headers": raw})


def test_rates_are_parsed() -> None:
    assert Rate.parse("off") is None
    assert Rate.parse("100/s") == Rate(100, 1)
    assert Rate.parse("600/min") == Rate(600, 60)
    assert Rate.parse("1/h") == Rate(1, 3600)


async def test_a_client_may_use_its_rate_at_once_and_regains_requests_one_by_one(clock: list[float]) -> None:
    limiter = RateLimiter(Rate(10, 1))
    for _ in range(10):
        limiter.check("a")
    with pytest.raises(RateLimited) as raised:
        limiter.check("a")
    assert raised.value.retry_after_s == 1
    limiter.check("b")
    clock[0] += 0.1
    limiter.check("a")
    with pytest.raises(RateLimited):
        limiter.check("a")


async def test_over_a_long_time_the_rate_is_kept(clock: list[float]) -> None:
    limiter = RateLimiter(Rate(5, 1))
    admitted = 0
    for _ in range(1000):
        clock[0] += 0.01
        try:
            limiter.check("a")
            admitted += 1
        except RateLimited:
            pass
    assert 50 <= admitted <= 55


async def test_beyond_the_largest_number_of_clients_the_one_idle_longest_is_forgotten(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_CLIENTS", 2)
    limiter = RateLimiter(Rate(1, 60))
    for client in ("a", "b", "c", "a"):
        limiter.check(client)
    with pytest.raises(RateLimited):
        limiter.check("c")


async def test_requests_in_flight_are_limited() -> None:
    limits = Admission(max_concurrency=1, max_body_bytes=100)
    with limits.request():
        with pytest.raises(Overloaded), limits.request():
            pass
        assert limits.in_flight == 1
    with pytest.raises(ZeroDivisionError), limits.request():
        _ = 1 / 0
    assert limits.in_flight == 0


async def test_requests_in_flight_and_refusals_are_counted() -> None:
    def value(name: str, **labels: str) -> float:
        DEFERRED.flush()
        return REGISTRY.get_sample_value(name, labels) or 0.0

    admission = Admission(max_concurrency=1, max_body_bytes=1)
    refused = value("raner_shed_total", reason="in_flight")
    with admission.request():
        assert value("raner_in_flight") == 1
        with pytest.raises(Overloaded):
            admission.check_capacity()
        assert isinstance(admission.refusal([], None), Overloaded)
    assert value("raner_in_flight") == 0
    assert value("raner_shed_total", reason="in_flight") == refused + 2


async def test_bytes_of_arriving_bodies_are_limited() -> None:
    limits = Admission(max_concurrency=1, max_body_bytes=100)
    for _ in range(ARRIVING_BODIES):
        limits.add_arriving(100)
    with pytest.raises(Overloaded):
        limits.add_arriving(1)
    limits.remove_arriving(101)
    limits.add_arriving(100)


def test_without_a_rate_and_keys_every_client_is_admitted() -> None:
    limits = Admission(max_concurrency=1, max_body_bytes=100)
    for _ in range(1000):
        limits.check_client(request())


async def test_a_rate_applies_to_each_key_or_else_to_each_address() -> None:
    digests = [hashlib.sha256(key).hexdigest() for key in (b"a", b"b")]
    by_key = Admission(max_concurrency=1, max_body_bytes=100, rate=Rate(1, 60), key_digests=digests)
    by_key.check_client(request(x_api_key="a"))
    by_key.check_client(request(x_api_key="b"))
    with pytest.raises(RateLimited):
        by_key.check_client(request(x_api_key="a"))
    with pytest.raises(Unauthorized):
        by_key.check_client(request())
    by_address = Admission(max_concurrency=1, max_body_bytes=100, rate=Rate(1, 60), trusted_proxies=1)
    by_address.check_client(request(x_forwarded_for="1.1.1.1"))
    by_address.check_client(request(x_forwarded_for="2.2.2.2"))
    with pytest.raises(RateLimited):
        by_address.check_client(request(x_forwarded_for="9.9.9.9, 1.1.1.1"))
