"""Metrics for Prometheus. `/metrics` of any worker reports all workers.

Labels have few values: known paths, statuses, entity types of the model. In prometheus_client's
multiprocess mode each process writes its own files, and the supervisor removes the gauges of a process that has ended.
"""

from __future__ import annotations

import os
from collections import Counter as Counts
from collections.abc import Sequence
from functools import cache
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

REQUESTS = Counter("raner_requests_total", "Requests, by path and status.", ["path", "status"])
REQUEST_SECONDS = Histogram("raner_request_seconds", "Time to respond, by path.", ["path"], buckets=_SECONDS)
QUEUE_SECONDS = Histogram("raner_queue_seconds", "Time that a request waited for its first batch.", buckets=_SECONDS)
BATCH_SECONDS = Histogram("raner_batch_seconds", "Inference time of a batch, by queue.", ["lane"], buckets=_SECONDS)
BATCH_SIZE = Histogram("raner_batch_size", "Windows per batch, by queue.", ["lane"], buckets=_WINDOWS)
BATCH_FILL = Histogram("raner_batch_fill", "Used share of the token budget.", ["lane"], buckets=_FRACTIONS)
TOKENS = Counter("raner_tokens_total", "Tokens processed, without padding.", ["lane"])
PADDED_TOKENS = Counter("raner_padded_tokens_total", "Tokens processed, with padding.", ["lane"])
CHARACTERS = Counter("raner_characters_total", "Characters of the texts processed.")
ENTITIES = Counter("raner_entities_total", "Entities found, by type.", ["type"])

IN_FLIGHT = Gauge("raner_in_flight", "Requests in flight.", multiprocess_mode="livesum")
SHED = Counter("raner_shed_total", "Requests refused because of load, by reason.", ["reason"])
CACHE_LOOKUPS = Counter(
    "raner_cache_lookups_total",
    "Cache lookups: hit, miss, or shared with a request for the same text that is in flight.",
    ["result"],
)
CACHE_ERRORS = Counter("raner_cache_errors_total", "Cache lookups and writes that failed, by reason.", ["reason"])
CACHE_BYTES = Gauge("raner_cache_bytes", "Size of the in-memory caches.", multiprocess_mode="livesum")
CACHE_UP = Gauge("raner_cache_up", "Workers that can reach Redis.", multiprocess_mode="livesum")
WORKERS_READY = Gauge("raner_workers_ready", "Workers that accept requests.", multiprocess_mode="livesum")
WORKER_MEMORY = Gauge("raner_worker_resident_bytes", "Resident memory of each worker.", multiprocess_mode="liveall")
MODEL = Gauge(
    "raner_model_info",
    "Workers that serve the model.",
    ["model", "version", "precision"],
    multiprocess_mode="livesum",
)
MODEL_UPDATES = Counter("raner_model_updates_total", "Model updates, by outcome.", ["outcome"])
WORKER_STARTS = Counter("raner_worker_starts_total", "Workers that became ready, restarts included.")

_served_model: list[tuple[str, str, str]] = []


def observe_response(record: AccessRecord) -> None:
    """Record a response."""
    _requests(record.path, record.status).inc()
    _request_seconds(record.path).observe(record.seconds)


@cache
def _requests(path: str, status: int) -> Counter:
    return REQUESTS.labels(path, str(status))


@cache
def _request_seconds(path: str) -> Histogram:
    return REQUEST_SECONDS.labels(path)


def observe_process() -> None:
    """Record the memory of this worker; called every second."""
    if _STATM.exists():
        # In pages; the second field is resident memory.
        WORKER_MEMORY.set(int(_STATM.read_text().split()[1]) * _PAGE_BYTES)


def observe_worker(ready: bool) -> None:
    """Record whether this worker accepts requests."""
    WORKERS_READY.set(int(ready))
    observe_process()


def observe_batch(lane: str, windows: Sequence[EncodedWindow], seconds: float, padded: int, budget: int) -> None:
    """Record a batch.

    Args:
        lane: name of the queue, `short` or `long`
        windows: the windows of the batch
        seconds: inference time
        padded: tokens processed, padding included
        budget: the largest number of tokens allowed in a batch
    """
    tokens = sum(window.tokens for window in windows)
    BATCH_SIZE.labels(lane).observe(len(windows))
    BATCH_SECONDS.labels(lane).observe(seconds)
    BATCH_FILL.labels(lane).observe(tokens / budget)
    TOKENS.labels(lane).inc(tokens)
    PADDED_TOKENS.labels(lane).inc(padded)


def observe_text(text: str, recognition: Recognition) -> None:
    """Record a text and the entities found in it."""
    CHARACTERS.inc(len(text))
    for type_, number in Counts(entity.type for entity in recognition.entities).items():
        ENTITIES.labels(type_).inc(number)


def observe_model(manifest: Manifest) -> None:
    """Record the model that this worker serves."""
    for labels in _served_model:
        MODEL.labels(*labels).set(0)
    _served_model[:] = [(manifest.name, manifest.version, manifest.precision)]
    MODEL.labels(*_served_model[0]).set(1)


def observe_update(outcome: str) -> None:
    """Record a model update; `outcome` is `done` or `failed`."""
    MODEL_UPDATES.labels(outcome).inc()
