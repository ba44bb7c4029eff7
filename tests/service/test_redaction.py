"""Redaction through the real service with a real Redis: nothing is lost, and nothing is kept."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis

from ner_runtime.models.convert.sample import sample_sentences
from ner_runtime.redaction.records import read_redaction
from ner_runtime.redaction.restore import restore
from tests.support.servers.redis import RedisServer
from tests.support.servers.service import Server, serve

SERVICE_KEY = "the-key-of-the-service"
REQUEST_KEY = "the-key-of-one-request"
OPERATORS: tuple[dict[str, dict[str, object]], ...] = (
    {},
    {"DEFAULT": {"type": "mask", "keep_start": 1}},
    {"PER": {"type": "hash"}, "PHONE": {"type": "mask", "keep_end": 4}},
    {"DEFAULT": {"type": "hash", "key": REQUEST_KEY}, "LOC": {"type": "remove"}},
    {"DEFAULT": {"type": "replace", "value": "某"}},
)
SURNAMES, GIVEN = "欧阳上官令狐", "焱骉翀翾彧旻"
ADDITIONS = ("<PER_1>", "😀", "𠮷", "\ud800", "\u200b", "\r\n", "＜LOC_1＞", "192.168.1.77", "zhang.san@example.com")


def generated(count: int) -> Iterator[tuple[str, list[str]]]:
    """Yield texts, and the strings in each that must not leave the service but in the response."""
    chance = random.Random(14)
    sentences = sample_sentences()
    for number in range(count):
        name = f"{SURNAMES[number % 3 * 2 :][:2]}{chance.choice(GIVEN)}{chance.choice(GIVEN)}"
        phone = f"138{chance.randrange(10**8):08}"
        parts = [
            f"{name}的电话是{phone}。",
            chance.choice(sentences),
            *chance.choices(ADDITIONS, k=chance.randrange(4)),
        ]
        chance.shuffle(parts)
        yield "".join(parts), [name, phone]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, redis: RedisServer) -> Iterator[Server]:
    settings = {"RANER_WORKERS": "1", "RANER_THREADS": "1", "RANER_LOG_LEVEL": "debug", "RANER_CACHE_URL": redis.url}
    with serve(tmp_path_factory.mktemp("service") / "log", RANER_REDACT_KEY=SERVICE_KEY, **settings) as server:
        yield server


def test_500_texts_are_restored_and_no_original_or_key_is_kept(service: Server, redis: RedisServer) -> None:
    texts = list(generated(500))

    def redact(numbered: tuple[int, tuple[str, list[str]]]) -> dict[str, Any]:
        number, (text, _) = numbered
        unit = ("code_point", "utf16")[number % 2]
        body = {"text": text, "operators": OPERATORS[number % len(OPERATORS)], "offset_unit": unit}
        headers = {"content-type": "application/json"}
        response = client.post("/redact", content=json.dumps(body).encode(), headers=headers)
        assert response.status_code == 200, response.text
        return response.json()

    with service.client() as client, ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(redact, enumerate(texts)))
        metrics = client.get("/metrics").text
    replaced = 0
    for (text, secrets), response in zip(texts, responses, strict=True):
        redaction = read_redaction(response)
        assert restore(redaction.text, redaction.replacements) == text
        assert secrets[1] not in redaction.text
        replaced += len(redaction.replacements)
    assert replaced > 1000

    with Redis.from_url(redis.url) as stored:
        keys = stored.keys()
        values = [stored.get(key) for key in keys]
    assert len(keys) >= 450
    places = [service.log.read_bytes(), metrics.encode(), *keys, *filter(None, values)]
    kept = b"\n".join(places)
    for secret in [SERVICE_KEY, REQUEST_KEY, *(secret for _, secrets in texts for secret in secrets)]:
        for form in (secret.encode(), json.dumps(secret)[1:-1].encode(), secret.encode("unicode_escape")):
            assert form not in kept
