"""Metrics: what the service counts, for Prometheus. With several workers, `/metrics` of any of them tells of all.

Labels are few by construction: paths of the edge's list, statuses, entity types of the model. In prometheus_client's
multiprocess mode each process writes files of its own, and the supervisor removes the gauges of one that is gone.
"""

from __future__ import annotations

import os
from collections import Counter as Counts
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

from ner_runtime.manifest import Manifest
from ner_runtime.recognizer import EncodedWindow, Recognition
from ner_runtime.serving.api.access_record import AccessRecord

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_WINDOWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_FRACTIONS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
_STATM = Path("/proc/self/statm")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

REQUESTS = Counter("raner_requests_total", "Handler, by path and status.", ["path", "status"])
REQUEST_SECONDS = Histogram("raner_request_seconds", "Time from request to answer.", ["path"], buckets=_SECONDS)
QUEUE_SECONDS = Histogram("raner_queue_seconds", "Time a request waited before it was read.", buckets=_SECONDS)
BATCH_SECONDS = Histogram("raner_batch_seconds", "Time a batch of windows took.", ["lane"], buckets=_SECONDS)
BATCH_SIZE = Histogram("raner_batch_size", "Windows in a batch.", ["lane"], buckets=_WINDOWS)
BATCH_FILL = Histogram("raner_batch_fill", "Tokens in a batch, of its budget.", ["lane"], buckets=_FRACTIONS)
TOKENS = Counter("raner_tokens_total", "Tokens read, without padding.", ["lane"])
PADDED_TOKENS = Counter("raner_padded_tokens_total", "Tokens read, with padding.", ["lane"])
CHARACTERS = Counter("raner_characters_total", "Characters of texts that were read.")
ENTITIES = Counter("raner_entities_total", "Entities found, by type.", ["type"])

IN_FLIGHT = Gauge("raner_in_flight", "Requests that are being answered.", multiprocess_mode="livesum")
SHED = Counter("raner_shed_total", "Requests turned back unread, by reason.", ["reason"])
CACHE_LOOKUPS = Counter(
    "raner_cache_lookups_total",
    "Texts looked up: found, not found, or shared with a request that was reading the same.",
    ["result"],
)
CACHE_ERRORS = Counter("raner_cache_errors_total", "Look-ups and writes that failed, by reason.", ["reason"])
CACHE_BYTES = Gauge("raner_cache_bytes", "What the caches in memory hold.", multiprocess_mode="livesum")
CACHE_UP = Gauge("raner_cache_up", "Workers that reach Redis.", multiprocess_mode="livesum")
WORKERS_READY = Gauge("raner_workers_ready", "Workers that take requests.", multiprocess_mode="livesum")
WORKER_MEMORY = Gauge("raner_worker_resident_bytes", "Memory of each worker.", multiprocess_mode="liveall")
MODEL = Gauge(
    "raner_model_info",
    "Workers that serve a model.",
    ["model", "version", "precision"],
    multiprocess_mode="livesum",
)
MODEL_UPDATES = Counter("raner_model_updates_total", "Model updates of workers, by outcome.", ["outcome"])
WORKER_STARTS = Counter("raner_worker_starts_total", "Workers that became ready; beyond their number, restarts.")

_served_model: list[tuple[str, str, str]] = []


def observe_answer(answered: AccessRecord) -> None:
    """Count an answer of the edge."""
    REQUESTS.labels(answered.path, str(answered.status)).inc()
    REQUEST_SECONDS.labels(answered.path).observe(answered.seconds)
    observe_process()


def observe_process() -> None:
    """Note the memory of this worker."""
    if _STATM.exists():
        # It counts pages; the second number is what is resident.
        WORKER_MEMORY.set(int(_STATM.read_text().split()[1]) * _PAGE_BYTES)


def observe_worker(ready: bool) -> None:
    """Note whether this worker takes requests."""
    WORKERS_READY.set(int(ready))
    observe_process()


def observe_batch(lane: str, windows: Sequence[EncodedWindow], seconds: float, padded: int, budget: int) -> None:
    """Count a batch of windows that a lane has read.

    Args:
        lane: its name
        windows: what was read
        seconds: how long it took
        padded: tokens computed, padding included
        budget: tokens that the batch might have had
    """
    tokens = sum(window.tokens for window in windows)
    BATCH_SIZE.labels(lane).observe(len(windows))
    BATCH_SECONDS.labels(lane).observe(seconds)
    BATCH_FILL.labels(lane).observe(tokens / budget)
    TOKENS.labels(lane).inc(tokens)
    PADDED_TOKENS.labels(lane).inc(padded)


def observe_text(text: str, recognition: Recognition) -> None:
    """Count a text that was read and what was found in it."""
    CHARACTERS.inc(len(text))
    for type_, number in Counts(entity.type for entity in recognition.entities).items():
        ENTITIES.labels(type_).inc(number)


def observe_model(manifest: Manifest) -> None:
    """Note the model that this worker serves now."""
    for labels in _served_model:
        MODEL.labels(*labels).set(0)
    _served_model[:] = [(manifest.name, manifest.version, manifest.precision)]
    MODEL.labels(*_served_model[0]).set(1)


def observe_update(outcome: str) -> None:
    """Count an update of the model, `done` or `failed`."""
    MODEL_UPDATES.labels(outcome).inc()
