import pytest

from ner_runtime.serving.api.errors import Overloaded, RateLimited
from ner_runtime.serving.http import admission
from ner_runtime.serving.http.admission import InFlight, Rate, RateLimiter, client_of


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(admission, "monotonic", lambda: now[0])
    return now


def test_rates() -> None:
    assert Rate.parse("off") is None
    assert Rate.parse("100/s") == Rate(100, 1)
    assert Rate.parse("600/min") == Rate(600, 60)
    assert Rate.parse("1/h") == Rate(1, 3600)


def test_a_rate_may_be_used_at_once_and_comes_back_bit_by_bit(clock: list[float]) -> None:
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


def test_over_a_long_time_no_more_than_the_rate_gets_in(clock: list[float]) -> None:
    limiter = RateLimiter(Rate(5, 1))
    let_in = 0
    for _ in range(1000):
        clock[0] += 0.01
        try:
            limiter.check("a")
            let_in += 1
        except RateLimited:
            pass
    assert 50 <= let_in <= 55


def test_clients_beyond_what_is_remembered_push_out_the_quietest(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "MAX_CLIENTS", 2)
    limiter = RateLimiter(Rate(1, 60))
    for client in ("a", "b", "c", "a"):
        limiter.check(client)
    with pytest.raises(RateLimited):
        limiter.check("c")


def test_requests_in_flight() -> None:
    in_flight = InFlight(1, 100)
    with in_flight.one_more():
        with pytest.raises(Overloaded), in_flight.one_more():
            pass
        assert in_flight.count == 1
    with pytest.raises(ZeroDivisionError), in_flight.one_more():
        _ = 1 / 0
    assert in_flight.count == 0


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "client"),
    [
        ("10.0.0.1", [], 0, "10.0.0.1"),
        ("10.0.0.1", ["1.1.1.1"], 0, "10.0.0.1"),
        ("10.0.0.1", ["1.1.1.1"], 1, "1.1.1.1"),
        ("10.0.0.1", ["9.9.9.9, 1.1.1.1, 10.0.0.2"], 2, "1.1.1.1"),
        ("10.0.0.1", ["9.9.9.9", "1.1.1.1"], 1, "1.1.1.1"),
        ("10.0.0.1", ["1.1.1.1"], 2, "10.0.0.1"),
        ("10.0.0.1", [""], 1, "10.0.0.1"),
        ("10.0.0.1", ["unknown"], 1, "unknown"),
        ("10.0.0.1", ["1.1.1.1:4711"], 1, "1.1.1.1"),
        ("10.0.0.1", ["[2001:db8:1:2::9]:4711"], 1, "2001:db8:1:2::"),
        ("::ffff:1.1.1.1", [], 0, "1.1.1.1"),
        ("2001:db8:1:2:3:4:5:6", [], 0, "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", [], 0, "2001:db8:1:2::"),
        (None, [], 0, ""),
    ],
)
def test_who_a_client_is(peer: str | None, forwarded: list[str], proxies: int, client: str) -> None:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    scope = {"type": "http", "client": (peer, 1234) if peer else None, "headers": headers}
    assert client_of(scope, proxies) == client
