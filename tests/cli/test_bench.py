from __future__ import annotations

import json

from ner_runtime.cli.ladder import bench_sentences
from tests.support.raner import raner


def test_sentences_have_one_length_and_are_the_same_every_time() -> None:
    sentences = bench_sentences(50)
    assert {len(sentence) for sentence in sentences} == {45}
    assert len(set(sentences)) == 50
    assert sentences == bench_sentences(50)


def test_every_rung_of_the_ladder_is_measured(service_url: str) -> None:
    run = raner("bench", "--url", service_url, "--seconds", "0.3", "--json")
    assert run.returncode == 0, run.stderr.decode()
    rungs = json.loads(run.stdout)
    assert [rung["name"] for rung in rungs] == [
        "engine, batches of 64",
        "recognizer, lists of 64",
        "recognizer, one by one",
        "HTTP, 1 at once",
        "HTTP, 16 at once",
    ]
    for rung in rungs:
        assert rung["sentences_per_s"] > 0
        assert 0 < rung["p50_ms"] <= rung["p99_ms"]


def test_a_service_that_is_not_there_is_one_line() -> None:
    run = raner("bench", "--url", "http://127.0.0.1:1", "--seconds", "0.1")
    assert run.returncode == 1
    assert run.stderr.decode().startswith("raner: http://127.0.0.1:1 cannot be reached")
