from __future__ import annotations

import pytest

from ner_runtime.serving.http.headers import COMMON_HEADERS, SECURITY_HEADERS, request_id


@pytest.mark.parametrize("sent", ["abc", "0f8fad5b-d9cb-469f-a165-70867728950e", "1-5759e988-bd862e3f:x/y+z=@."])
def test_the_id_that_the_client_sent_is_kept(sent: str) -> None:
    assert request_id(sent) == sent


@pytest.mark.parametrize("sent", [None, "", "a b", "a\nb", "马云", "x" * 129])
def test_a_missing_or_unsafe_id_is_replaced_by_a_new_one(sent: str | None) -> None:
    first, second = request_id(sent), request_id(sent)
    assert len(first) == 32
    assert int(first, 16) >= 0
    assert first != second


def test_every_response_may_be_cached_only_for_its_encoding() -> None:
    assert dict(COMMON_HEADERS)[b"vary"] == b"accept-encoding"
    assert {name.encode() for name in SECURITY_HEADERS} < dict(COMMON_HEADERS).keys()
