"""Generated connections: valid and invalid requests in a row, with the response that each of them must get."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from backports import zstd

UPGRADES = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n",
    b"Upgrade: TLS/1.0\r\nConnection: keep-alive, upgrade\r\n",
    b"Connection: upgrade\r\nUpgrade: unknown/1, other\r\n",
    b"Upgrade: h2c\r\n",
    b"Connection: keep-alive\r\n",
)
"""Header lines with `Upgrade` and `Connection`. Every one of them is to be ignored."""

CODINGS: Mapping[bytes, Callable[[bytes], bytes]] = {
    b"identity": bytes,
    b"gzip": gzip.compress,
    b"deflate": zlib.compress,
    b"zstd": zstd.compress,
}
ACCEPTED = (b"", b"identity", b"gzip", b"gzip, deflate, br, zstd", b"*;q=0", b"zstd;q=0.1, *")
FRAMING_ERRORS = (
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    b"Content-Length: 5\r\nContent-Length: 6\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Content-Length:\r\n 5\r\n",
    b"Content-Length: 5\n",
)
_TEXTS = ("马云在杭州。", "阿里巴巴集团创始人马云。" * 60, "GET /model HTTP/1.1", "𠮷野家")


@dataclass(frozen=True)
class Exchange:
    """A request as bytes, and the response that is due: its status and its request id; None for a response without."""

    request: bytes
    status: int
    id: str | None


def exchanges(chance: random.Random) -> list[Exchange]:
    """The requests of one connection; only the last one may end the connection."""
    made = [_exchange(chance, str(number)) for number in range(chance.randrange(1, 6))]
    if chance.random() < 0.2:
        head = b"POST /ner HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        made.append(Exchange(head + chance.choice(UPGRADES) + chance.choice(FRAMING_ERRORS) + b"\r\nhello", 400, None))
    else:
        last = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-Id: last\r\nConnection: close\r\n\r\n"
        made.append(Exchange(last, 200, "last"))
    return made


def segments(chance: random.Random, data: bytes) -> Sequence[bytes]:
    """Data cut at random places."""
    cuts = sorted(chance.randrange(len(data)) for _ in range(chance.choice((0, 1, 2, 5, 40))))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True) if start < end]


def _exchange(chance: random.Random, id_: str) -> Exchange:
    lines = b"Host: x\r\nX-Request-Id: %s\r\nAccept-Encoding: %s\r\n" % (id_.encode(), chance.choice(ACCEPTED))
    lines += chance.choice(UPGRADES)
    kind = chance.random()
    if kind < 0.15:
        return Exchange(b"GET /model HTTP/1.1\r\n" + lines + b"\r\n", 200, id_)
    path, body, status = _content(chance)
    coding, body, status = _coded(chance, body, status)
    if kind < 0.25:
        path, status = b"/nowhere", 404
    elif kind < 0.35:
        path, status = b"/model", 405
    lines += b"Content-Type: application/json\r\nContent-Encoding: %s\r\n" % coding
    if chance.random() < 0.2:
        lines += b"Expect: 100-continue\r\n"
    return Exchange(b"POST " + path + b" HTTP/1.1\r\n" + lines + _framed(chance, body), status, id_)


def _content(chance: random.Random) -> tuple[bytes, bytes, int]:
    text = chance.choice(_TEXTS)
    path, value = (b"/ner", {"text": text}) if chance.random() < 0.7 else (b"/ner/batch", {"texts": [text, ""]})
    body = json.dumps(value, ensure_ascii=chance.random() < 0.5).encode()
    if chance.random() < 0.2:
        # As a whole or in its parts, it looks like a request.
        return path, b"GET /model HTTP/1.1\r\nHost: x\r\n\r\n" + body, 400
    return path, body, 200


def _coded(chance: random.Random, body: bytes, status: int) -> tuple[bytes, bytes, int]:
    if chance.random() < 0.05:
        return b"br", body, 415
    coding = chance.choice(list(CODINGS))
    coded = CODINGS[coding](body)
    if coding != b"identity" and chance.random() < 0.1:
        return coding, coded[:-1], 400
    return coding, coded, status


def _framed(chance: random.Random, body: bytes) -> bytes:
    if chance.random() < 0.5:
        return b"Content-Length: %d\r\n\r\n" % len(body) + body
    framed = b"Transfer-Encoding: chunked\r\n\r\n"
    while body:
        size = chance.randrange(1, len(body) + 1)
        framed += b"%x%s\r\n%s\r\n" % (size, chance.choice((b"", b";a=b")), body[:size])
        body = body[size:]
    return framed + b"0\r\n" + chance.choice((b"", b"X-Request-Id: trailer\r\n")) + b"\r\n"
