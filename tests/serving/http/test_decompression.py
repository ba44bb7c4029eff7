from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from itertools import islice

import pytest
from backports import zstd

from ner_runtime.errors import MalformedRequest
from ner_runtime.serving.http.decompression import CODINGS, STEP_BYTES, Decompressor

TEXT = "阿里巴巴集团创始人马云在杭州。".encode() * 10_000


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


FORMATS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("zstd", zstd.compress),
]
formats = pytest.mark.parametrize(("coding", "compress"), FORMATS)


def decompress(coding: str, *parts: bytes) -> bytes:
    decompressor = Decompressor(coding)
    steps = [step for part in parts for step in decompressor.feed(part)]
    decompressor.close()
    assert all(len(step) <= STEP_BYTES for step in steps)
    return b"".join(steps)


def test_every_coding_is_tested() -> None:
    assert {coding for coding, _ in FORMATS} == set(CODINGS)


@formats
@pytest.mark.parametrize("data", [b"", b"a", b"a" * STEP_BYTES, TEXT])
def test_a_body_is_decompressed_however_it_arrives(
    coding: str, compress: Callable[[bytes], bytes], data: bytes
) -> None:
    body = compress(data)
    middle = len(body) // 2
    assert decompress(coding, body) == data
    assert decompress(coding, body[:middle], body[middle:]) == data
    assert decompress(coding, *(body[index : index + 1] for index in range(len(body)))) == data


@formats
def test_a_few_concatenated_streams_are_one_body(coding: str, compress: Callable[[bytes], bytes]) -> None:
    assert decompress(coding, compress(b"a") + compress(b"b")) == b"ab"
    with pytest.raises(MalformedRequest):
        decompress(coding, compress(b"") * 1000)


@formats
def test_a_truncated_or_damaged_body_is_malformed(coding: str, compress: Callable[[bytes], bytes]) -> None:
    body = compress(TEXT)
    for damaged in (body[:-1], body[: len(body) // 2], b"\xff" * 100, b'{"text": "a"}', body + b"\xff\xff\xff\xff"):
        with pytest.raises(MalformedRequest, match=coding):
            decompress(coding, damaged)


@formats
def test_a_bomb_costs_no_more_than_what_is_taken_from_it(coding: str, compress: Callable[[bytes], bytes]) -> None:
    bomb = compress(bytes(100_000_000))
    tracemalloc.start()
    taken = list(islice(Decompressor(coding).feed(bomb), 4))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(taken) == 4
    assert peak < 2_000_000


def test_a_zstd_window_beyond_8_mb_is_refused() -> None:
    options = {zstd.CompressionParameter.window_log: 24, zstd.CompressionParameter.content_size_flag: 0}
    compressor = zstd.ZstdCompressor(options=options)
    body = compressor.compress(bytes(20_000_000)) + compressor.flush()
    with pytest.raises(MalformedRequest):
        decompress("zstd", body)
