"""Metrics: what the service counts, for Prometheus. With several workers, `/metrics` of any of them tells of all.

Labels are few by construction: paths of the edge's list, statuses, entity types of the model.
"""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Counter, Gauge, Histogram

from ner_runtime.manifest import Manifest
from ner_runtime.recognizer import EncodedWindow, Recognition

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_WINDOWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)

REQUESTS = Counter("raner_requests_total", "Answers, by path and status.", ["path", "status"])
REQUEST_SECONDS = Histogram("raner_request_seconds", "Time from request to answer.", ["path"], buckets=_SECONDS)
QUEUE_SECONDS = Histogram("raner_queue_seconds", "Time a request waited before it was read.", buckets=_SECONDS)
BATCH_SECONDS = Histogram("raner_batch_seconds", "Time a batch of windows took.", ["lane"], buckets=_SECONDS)
BATCH_SIZE = Histogram("raner_batch_size", "Windows in a batch.", ["lane"], buckets=_WINDOWS)
TOKENS = Counter("raner_tokens_total", "Tokens read, without padding.", ["lane"])
CHARACTERS = Counter("raner_characters_total", "Characters of texts that were read.")
ENTITIES = Counter("raner_entities_total", "Entities found, by type.", ["type"])

MODEL = Gauge(
    "raner_model_info",
    "Workers that serve a model.",
    ["model", "version", "precision"],
    multiprocess_mode="livesum",
)
MODEL_UPDATES = Counter("raner_model_updates_total", "Model updates of workers, by outcome.", ["outcome"])
WORKER_STARTS = Counter("raner_worker_starts_total", "Workers that became ready; beyond their number, restarts.")

_served_model: list[tuple[str, str, str]] = []


def observe_answer(path: str, status: int, seconds: float) -> None:
    """Count an answer of the edge."""
    REQUESTS.labels(path, str(status)).inc()
    REQUEST_SECONDS.labels(path).observe(seconds)


def observe_batch(lane: str, windows: Sequence[EncodedWindow], seconds: float) -> None:
    """Count a batch of windows that a lane has read."""
    BATCH_SIZE.labels(lane).observe(len(windows))
    BATCH_SECONDS.labels(lane).observe(seconds)
    TOKENS.labels(lane).inc(sum(window.tokens for window in windows))


def observe_text(text: str, recognition: Recognition) -> None:
    """Count a text that was read and what was found in it."""
    CHARACTERS.inc(len(text))
    for entity in recognition.entities:
        ENTITIES.labels(entity.type).inc()


def observe_model(manifest: Manifest) -> None:
    """Note the model that this worker serves now."""
    for labels in _served_model:
        MODEL.labels(*labels).set(0)
    _served_model[:] = [(manifest.name, manifest.version, manifest.precision)]
    MODEL.labels(*_served_model[0]).set(1)


def observe_update(outcome: str) -> None:
    """Count an update of the model, `done` or `failed`."""
    MODEL_UPDATES.labels(outcome).inc()
