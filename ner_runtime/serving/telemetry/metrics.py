"""Metrics for Prometheus. `/metrics` of any worker reports all workers.

Labels have few values: known paths, statuses, names of the configured models, entity types of a model. In
prometheus_client's multiprocess mode each process writes its own files, and the supervisor removes the gauges of a
process that has ended.

The functions that record responses, batches and texts belong to the thread of the event loop.
"""

from __future__ import annotations

import os
from collections import Counter as Counts
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

from ner_runtime.entities import Recognition
from ner_runtime.inference.windows.encoded import EncodedWindow
from ner_runtime.manifest import Manifest
from ner_runtime.serving.api.access_record import AccessRecord
from ner_runtime.serving.telemetry.deferred import DEFERRED

LANES = ("short", "long")
"""Names of the queues of a scheduler."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_WINDOWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_FRACTIONS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
_STATM = Path("/proc/self/statm")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Of each of the four files of a process. The largest one has about 50 KB with one model.
_RESERVED_BYTES = 131_072

REQUESTS = Counter("raner_requests_total", "Requests, by path and status.", ["path", "status"])
REQUEST_SECONDS = Histogram("raner_request_seconds", "Time to respond, by path.", ["path"], buckets=_SECONDS)
QUEUE_SECONDS = Histogram(
    "raner_queue_seconds", "Time that a request waited for its first batch.", ["model"], buckets=_SECONDS
)
BATCH_SECONDS = Histogram(
    "raner_batch_seconds", "Inference time of a batch, by queue.", ["model", "lane"], buckets=_SECONDS
)
BATCH_SIZE = Histogram("raner_batch_size", "Windows per batch, by queue.", ["model", "lane"], buckets=_WINDOWS)
BATCH_FILL = Histogram("raner_batch_fill", "Used share of the token budget.", ["model", "lane"], buckets=_FRACTIONS)
TOKENS = Counter("raner_tokens_total", "Tokens processed, without padding.", ["model", "lane"])
PADDED_TOKENS = Counter("raner_padded_tokens_total", "Tokens processed, with padding.", ["model", "lane"])
CHARACTERS = Counter("raner_characters_total", "Characters of the texts processed.", ["model"])
ENTITIES = Counter("raner_entities_total", "Entities found, by type.", ["model", "type"])

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
    ["model", "name", "version", "precision"],
    multiprocess_mode="livesum",
)
MODEL_UPDATES = Counter("raner_model_updates_total", "Model updates, by outcome.", ["model", "outcome"])
OUTCOMES = ("done", "failed")
WORKER_STARTS = Counter("raner_worker_starts_total", "Workers that became ready, restarts included.")


LEXICON_ENTRIES = Gauge(
    "raner_lexicon_entries", "Entries of each named lexicon.", ["lexicon"], multiprocess_mode="livemax"
)
LEXICON_LOADS = Counter("raner_lexicon_loads_total", "Loaded lexicon files, by outcome.", ["outcome"])


def observe_lexicon(name: str, entries: int) -> None:
    """Record the number of entries of a named lexicon."""
    LEXICON_ENTRIES.labels(name).set(entries)


def observe_lexicon_load(outcome: str) -> None:
    """Record that a lexicon file was loaded; `outcome` is `done` or `failed`."""
    for known in OUTCOMES:
        LEXICON_LOADS.labels(known)
    LEXICON_LOADS.labels(outcome).inc()


def observe_response(record: AccessRecord) -> None:
    """Record a response."""
    DEFERRED.count(_requests(record.path, record.status))
    _request_seconds(record.path).observe(record.seconds)


@cache
def _requests(path: str, status: int) -> Counter:
    return REQUESTS.labels(path, str(status))


@cache
def _request_seconds(path: str) -> Histogram:
    return REQUEST_SECONDS.labels(path)


def observe_process() -> None:
    """Record the memory of this worker; called every second."""
    # The file exists only on Linux, and cannot be opened while too many files are open.
    with suppress(OSError):
        # In pages; the second field is resident memory.
        WORKER_MEMORY.set(int(_STATM.read_text().split()[1]) * _PAGE_BYTES)


def reserve_disk_space() -> None:
    """Reserve disk space for the metrics files of this process. Call it when the files exist.

    The files are sparse and mapped into memory. If a write needs a block that a full disk does not have, the kernel
    kills the process (SIGBUS).

    Raises:
        OSError: the disk is full.
    """
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    # macOS does not have the function.
    if folder and hasattr(os, "posix_fallocate"):
        for file in Path(folder).glob(f"*_{os.getpid()}.db"):
            with file.open("r+b") as opened:
                os.posix_fallocate(opened.fileno(), 0, min(_RESERVED_BYTES, file.stat().st_size))


def observe_worker(ready: bool) -> None:
    """Record whether this worker accepts requests."""
    WORKERS_READY.set(int(ready))
    observe_process()


class ModelMetrics:
    """Records the work of one served model: its batches, its texts, and its updates."""

    def __init__(self, model: str) -> None:
        """`model`: name of the model in the settings, the label `model`."""
        self.model = model
        self._queue_seconds = QUEUE_SECONDS.labels(model)
        self._lanes = {lane: _LaneMetrics(model, lane) for lane in LANES}
        self._characters = CHARACTERS.labels(model)
        self._entities: dict[str, Counter] = {}
        self._info: Gauge | None = None
        # Exported as 0 from the start: `increase()` does not count the first increment of a new series.
        for outcome in OUTCOMES:
            MODEL_UPDATES.labels(model, outcome)

    def observe_queue(self, seconds: float) -> None:
        """Record how long a request waited for its first batch."""
        self._queue_seconds.observe(seconds)

    def observe_batch(
        self, lane: str, windows: Sequence[EncodedWindow], seconds: float, padded: int, budget: int
    ) -> None:
        """Record a batch.

        Args:
            lane: name of the queue, one of `LANES`
            windows: the windows of the batch
            seconds: inference time
            padded: tokens processed, padding included
            budget: the largest number of tokens allowed in a batch
        """
        metrics = self._lanes[lane]
        tokens = sum(window.tokens for window in windows)
        metrics.size.observe(len(windows))
        metrics.seconds.observe(seconds)
        metrics.fill.observe(tokens / budget)
        DEFERRED.count(metrics.tokens, tokens)
        DEFERRED.count(metrics.padded_tokens, padded)

    def observe_texts(self, characters: int, recognitions: Sequence[Recognition], known: Collection[str]) -> None:
        """Record the texts of a request and the entities found in them.

        Types that are not in `known`, those of the model, come from lexicons and are recorded as `other`: clients can
        invent them.

        Args:
            characters: their number of code points
            recognitions: what was found in each text
            known: the types of the model
        """
        DEFERRED.count(self._characters, characters)
        entities = (entity for recognition in recognitions for entity in recognition.entities)
        for type_, number in Counts(entity.type if entity.type in known else "other" for entity in entities).items():
            counter = self._entities.get(type_)
            if counter is None:
                counter = self._entities[type_] = ENTITIES.labels(self.model, type_)
            DEFERRED.count(counter, number)

    def observe_manifest(self, manifest: Manifest) -> None:
        """Record the version that this worker serves from now on."""
        if self._info is not None:
            self._info.set(0)
        self._info = MODEL.labels(self.model, manifest.name, manifest.version, manifest.precision)
        self._info.set(1)

    def observe_update(self, outcome: str) -> None:
        """Record an update; `outcome` is `done` or `failed`."""
        MODEL_UPDATES.labels(self.model, outcome).inc()


class _LaneMetrics:
    """The metrics of one queue of one model."""

    def __init__(self, model: str, lane: str) -> None:
        self.size = BATCH_SIZE.labels(model, lane)
        self.seconds = BATCH_SECONDS.labels(model, lane)
        self.fill = BATCH_FILL.labels(model, lane)
        self.tokens = TOKENS.labels(model, lane)
        self.padded_tokens = PADDED_TOKENS.labels(model, lane)
