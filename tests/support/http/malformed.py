"""Invalid request bodies: wrong bytes, shapes, types, sizes, depths and encodings."""

from __future__ import annotations

import gzip
import json
import pickle
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

PATHS = ("/ner", "/ner/batch", "/redact")
JSON = {"content-type": "application/json"}
_TEXT = "阿里巴巴集团创始人马云在杭州。"
_VALUES = (None, True, 0, -1, 1.5, 1e308, "", "x", [], {}, [None], [[]], {"a": []}, [""], ["?"] * 1000)
_RAW = (
    *(b"", b" ", b"\x00", b"\xff\xfe", b"{", b"}", b'"', b"[", b"null", b"true", b"1", b'"text"', b"[1,2]", b"{}{}"),
    *(b'{"text":"a"', b"{'text':'a'}", b'{"text":"a",}', b'{"text": NaN}', b'{"text": Infinity}', b"{text: 1}"),
    *(b'{"text": "a", "text": "b"}', b'{"text": "\\x"}', b'{"text": "\\ud8"}', b'{"text": "\n"}', b"// {}", b"{}//"),
    *(b'{"n": ' + b"9" * 5000 + b"}", b'{"n": 1e99999}', b'{"n": -0}', b'{"n": 0x10}', b'{"n": 01}'),
    *(b'{"a":' * 500 + b"1" + b"}" * 500, b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 50_000),
    *(b'{"text": "' + b"\\u0000" * 1000, b'{"' + b"k" * 100_000 + b'": 1}', b'{"text":' + b" " * 100_000 + b"}"),
)


@dataclass(frozen=True)
class InvalidRequest:
    """A request that must get a 4xx response."""

    path: str
    content: bytes
    headers: dict[str, str] = field(default_factory=lambda: JSON)


def invalid_requests(seed: int = 0, count: int = 1000) -> Iterator[InvalidRequest]:
    """`count` requests, the same for the same seed: first written ones, then random variations of a valid body."""
    listed = [InvalidRequest(path, body) for path in ("/ner", "/ner/batch") for body in _listed()]
    listed += [InvalidRequest("/redact", body) for body in _redactions()]
    listed += _mislabelled()
    chance = random.Random(seed)
    yield from listed[:count]
    for _ in range(count - len(listed)):
        yield InvalidRequest(chance.choice(PATHS), _broken(chance))


def _listed() -> Iterator[bytes]:
    good = json.dumps({"text": _TEXT}, ensure_ascii=False)
    yield from _RAW
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030"):
        yield good.encode(encoding)
    yield pickle.dumps({"text": _TEXT})
    yield gzip.compress(good.encode())
    for name in ("text", "texts", "types", "offset_unit", "lang", ""):
        for value in _VALUES:
            body = {"text": _TEXT, name: value} if name not in ("text", "texts") else {name: value}
            if (name, value) not in (
                ("text", "x"),
                ("types", None),
                ("texts", [None]),
                ("texts", [[]]),
                ("texts", [""]),
            ):
                yield json.dumps(body).encode()


def _redactions() -> Iterator[bytes]:
    """Bodies whose operators or patterns are invalid."""
    operators: tuple[object, ...] = (*_VALUES, {"type": "mask", "char": "**"}, {"type": "hash", "key": "short"})
    for operator in (*operators, {"type": "mask", "keep_start": -1}, {"type": "keep", "value": ""}):
        yield json.dumps({"text": _TEXT, "operators": {"PER": operator}}).encode()
    for operators_ in (None, 1, "mask", [], {"DOG": {"type": "mask"}}, {"": {"type": "mask"}}):
        yield json.dumps({"text": _TEXT, "operators": operators_}).encode()
    for patterns in (None, 1, "PHONE", {}, ["DOG"], [1], [["PHONE"]]):
        yield json.dumps({"text": _TEXT, "patterns": patterns}).encode()


def _mislabelled() -> Iterator[InvalidRequest]:
    """Bodies whose headers declare another format."""
    good = json.dumps({"text": _TEXT}).encode()
    types = (
        "",
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    )
    types += ("application/vnd.bentoml+pickle", "application/octet-stream", "application/json; charset=utf-16")
    types += ("application/x-pickle", "application/python-pickle", "application/jsonx", "*/*", "application/json/../x")
    for media_type in types:
        for content in (good, pickle.dumps({"text": _TEXT}), b""):
            yield InvalidRequest("/ner", content, {"content-type": media_type})
    for encoding in ("br", "deflate", "zstd", "x", "gzip, gzip"):
        yield InvalidRequest("/ner", gzip.compress(good), JSON | {"content-encoding": encoding})
    for content in (good, b"", gzip.compress(good)[:-1], gzip.compress(good) + b"x", gzip.compress(bytes(5_000_000))):
        yield InvalidRequest("/ner", content, JSON | {"content-encoding": "gzip"})
    yield InvalidRequest("/ner", pickle.dumps({"text": _TEXT}), JSON | {"bentoml-payload-container": "pickle"})


def _broken(chance: random.Random) -> bytes:
    """A valid body with a random change that makes it invalid JSON or invalid UTF-8."""
    body = bytearray(json.dumps({"text": _TEXT, "types": ["PER"]}, ensure_ascii=False).encode())
    match chance.randrange(4):
        case 0:
            del body[chance.randrange(len(body) - 1) :]
        case 1:
            body.insert(chance.randrange(10, 40), chance.choice((0x00, 0x1F, 0x0A, 0xFF, 0xC0, 0x80)))
        case 2:
            body += bytes(chance.randbytes(chance.randrange(1, 200))) + b"}"
        case _:
            body[:] = chance.randbytes(chance.randrange(1, 5000))
    return bytes(body)
