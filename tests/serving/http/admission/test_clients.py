import hashlib

import pytest
from starlette.requests import Request

from ner_runtime.serving.api.errors import Unauthorized
from ner_runtime.serving.http.admission.clients import check_key, client_address


def request(peer: str | None = "10.0.0.1", **headers: str | list[str]) -> Request:
    raw = [
        (name.replace("_", "-").encode(), value.encode("latin-1"))
        for name, values in headers.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    return Request({"type": "http", "client": (peer, 1234) if peer else None, "headers": raw})


@pytest.mark.parametrize(
    "headers",
    [{"authorization": "Bearer right"}, {"authorization": "bearer  right"}, {"x_api_key": "right"}],
)
def test_a_valid_key_is_identified_by_its_digest(headers: dict[str, str]) -> None:
    digest = hashlib.sha256(b"right").hexdigest()
    assert check_key(request(**headers), [hashlib.sha256(b"other").hexdigest(), digest]) == digest


@pytest.mark.parametrize("key", ["密码讠", "clé à", "\u0085"])
def test_a_key_in_utf_8_is_compared_byte_by_byte(key: str) -> None:
    # The last byte of each is white space in Latin-1.
    sent, digest = key.encode().decode("latin-1"), hashlib.sha256(key.encode()).hexdigest()
    assert check_key(request(authorization=f"Bearer {sent}"), [digest]) == digest


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic right"}, {"x_api_key": "é"}],
)
def test_a_missing_or_wrong_key_is_unauthorized(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthorized):
        check_key(request(**headers), [hashlib.sha256(b"right").hexdigest()])


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "address"),
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
def test_the_address_is_that_of_the_peer_or_the_one_that_the_first_trusted_proxy_saw(
    peer: str | None, forwarded: list[str], proxies: int, address: str
) -> None:
    assert client_address(request(peer, x_forwarded_for=forwarded), proxies) == address
