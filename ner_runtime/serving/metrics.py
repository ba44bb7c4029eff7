"""Metrics: what the service counts, for Prometheus. With several workers, `/metrics` of any of them tells of all.

Labels are few by construction: paths of the edge's list, statuses, entity types of the model.
"""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Counter, Histogram

from ner_runtime.recognizer import Recognition

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)

REQUESTS = Counter("raner_requests_total", "Answers, by path and status.", ["path", "status"])
REQUEST_SECONDS = Histogram("raner_request_seconds", "Time from request to answer.", ["path"], buckets=_SECONDS)
QUEUE_SECONDS = Histogram("raner_queue_seconds", "Time a request waited for its batch.", buckets=_SECONDS)
INFERENCE_SECONDS = Histogram("raner_inference_seconds", "Time a batch of texts took.", buckets=_SECONDS)
BATCH_SIZE = Histogram("raner_batch_size", "Texts in a batch.", buckets=_TEXTS)
CHARACTERS = Counter("raner_characters_total", "Characters read.")
WINDOWS = Counter("raner_windows_total", "Windows read.")
ENTITIES = Counter("raner_entities_total", "Entities found, by type.", ["type"])


def observe_answer(path: str, status: int, seconds: float) -> None:
    """Count an answer of the edge."""
    REQUESTS.labels(path, str(status)).inc()
    REQUEST_SECONDS.labels(path).observe(seconds)


def observe_batch(texts: Sequence[str], recognitions: Sequence[Recognition], seconds: float) -> None:
    """Count a batch that was read."""
    BATCH_SIZE.observe(len(texts))
    INFERENCE_SECONDS.observe(seconds)
    CHARACTERS.inc(sum(map(len, texts)))
    WINDOWS.inc(sum(recognition.windows for recognition in recognitions))
    for recognition in recognitions:
        for entity in recognition.entities:
            ENTITIES.labels(entity.type).inc()
