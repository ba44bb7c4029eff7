"""Annotate shards on a Ray cluster with Ray Data.

One task per input file reads the file and yields its shards one by one. Actors annotate the shards and write the output
files. All nodes must mount the storage of the input and the output at the same path. If Ray loses a worker, it runs the
shard again, which writes the same files.
"""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from ner_runtime.corpus.annotator import Annotator
from ner_runtime.corpus.output import Output, Totals
from ner_runtime.corpus.plan import ModelChoice, Plan
from ner_runtime.corpus.sources import Source, read_shards
from ner_runtime.errors import EngineUnavailable, MissingExtra

_COLUMN = "shard"
_STARTS = 3
"""How often to start a cluster on this machine. Ray gives up if one of its processes needs more than 15 seconds for its
imports, and has no setting for that; the next start finds the files in the page cache."""
_CONNECT_TIMEOUT_S = 10.0


def annotate_on_ray(
    sources: Sequence[Source],
    output: Output,
    plan: Plan,
    model: ModelChoice,
    *,
    workers: int,
    address: str | None,
    done: frozenset[str],
) -> Iterator[Totals]:
    """Annotate the shards that are not in `done`, and yield the totals of each.

    Args:
        sources: the input files, at a path that all nodes share
        workers: number of actors, each with one model and `model.threads` CPUs
        address: address of the cluster; None starts a cluster on this machine
        done: names of the complete shards, which are skipped

    Raises:
        MissingExtra: Ray is not installed.
        EngineUnavailable: the cluster cannot be reached, or no cluster can be started on this machine.
    """
    if address:
        # Before Ray is imported, which takes seconds.
        _check_reachable(address)
    ray, data = _ray_modules()
    # Ray sends usage statistics to its developers by default.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    _connect(ray, address, cpus=workers * model.threads + 1)
    try:
        data.DataContext.get_current().enable_progress_bars = False
        shards = data.read_datasource(
            _datasource_class(data)(sources, plan, done), override_num_blocks=len(sources), concurrency=len(sources)
        )
        annotated = shards.map_batches(
            _ShardWorker,
            fn_constructor_args=(output, plan, model),
            batch_size=1,
            batch_format="pyarrow",
            concurrency=workers,
            num_cpus=model.threads,
        )
        for row in annotated.iter_rows():
            yield Totals(**row)
    finally:
        ray.shutdown()


def _connect(ray: Any, address: str | None, cpus: int) -> None:
    """Connect to a cluster, or start one with `cpus` CPUs on this machine."""
    local = {} if address else {"num_cpus": cpus, "include_dashboard": False}
    for attempts_left in reversed(range(1 if address else _STARTS)):
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", **local)
        # Ray raises bare exceptions.
        except Exception as error:  # noqa: BLE001
            ray.shutdown()
            if not attempts_left:
                reason = " ".join(str(error).split())
                problem = _unreachable(address) if address else "Ray cannot start a cluster here"
                raise EngineUnavailable(f"{problem}: {reason}") from None
        else:
            return


def _check_reachable(address: str) -> None:
    """Check that a process listens at `HOST:PORT` or `ray://HOST:PORT`: Ray itself would retry for minutes.

    Raises:
        EngineUnavailable: nothing listens there.
    """
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")  # as `socket` does, which would raise a `UnicodeError`
    except ValueError as error:
        raise EngineUnavailable(f"--ray-address {address} is not a valid address: {error}") from None
    if host is None or port is None:
        return  # such as `auto`
    try:
        socket.create_connection((host, port), _CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise EngineUnavailable(f"{_unreachable(address)}: {error.strerror or error}") from None


def _unreachable(address: str) -> str:
    return f"the Ray cluster {address} cannot be reached"


class _ShardWorker:
    """A Ray actor that annotates one shard at a time with its own model."""

    def __init__(self, output: Output, plan: Plan, model: ModelChoice) -> None:
        self._annotator = Annotator(model, plan)
        self._output = output

    def __call__(self, batch: Any) -> Any:
        import pyarrow as pa

        totals = [self._annotate(pickled.as_py()) for pickled in batch.column(_COLUMN)]
        return pa.Table.from_pylist([asdict(one) for one in totals])

    def _annotate(self, pickled: bytes) -> Totals:
        # Safe to unpickle: a task of this run pickled it, in `_blocks`.
        shard = pickle.loads(pickled)  # noqa: S301
        return self._output.write(shard.name, self._annotator.annotate(shard))


def _blocks(source: Source, plan: Plan, done: frozenset[str]) -> Callable[[], Iterator[Any]]:
    def read() -> Iterator[Any]:
        import pyarrow as pa

        for shard in read_shards(source, plan):
            if shard.name not in done:
                yield pa.table({_COLUMN: pa.array([pickle.dumps(shard)], pa.large_binary())})

    return read


def _datasource_class(data: Any) -> Any:
    """Define a Ray data source of shards. A function, because the base class exists only after Ray is imported."""

    class ShardSource(data.Datasource):
        def __init__(self, sources: Sequence[Source], plan: Plan, done: frozenset[str]) -> None:
            super().__init__()
            self._sources, self._plan, self._done = sources, plan, done

        def estimate_inmemory_data_size(self) -> int:
            return sum(source.size for source in self._sources)

        def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[Any]:
            return [
                data.ReadTask(_blocks(source, self._plan, self._done), _metadata(data, source))
                for source in self._sources
            ]

    return ShardSource


def _metadata(data: Any, source: Source) -> Any:
    from ray.data.block import BlockMetadata

    return BlockMetadata(num_rows=None, size_bytes=source.size, input_files=(str(source.path),), exec_stats=None)


def _ray_modules() -> tuple[Any, Any]:
    try:
        import ray
        import ray.data as data
    except ImportError:
        raise MissingExtra("--engine ray needs the extra bulk: pip install 'ner_runtime[bulk]'") from None
    return ray, data
