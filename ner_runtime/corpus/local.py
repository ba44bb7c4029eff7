"""Annotate shards on this machine, in this process or in several worker processes."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from ner_runtime.corpus.annotator import Annotator
from ner_runtime.corpus.output import Output, Totals
from ner_runtime.corpus.plan import ModelChoice, Plan
from ner_runtime.corpus.sources import Shard
from ner_runtime.errors import RanerError

# Shards in memory: one in each worker, and one that waits for it.
_SHARDS_PER_WORKER = 2


def annotate_here(shards: Iterable[Shard], output: Output, plan: Plan, model: ModelChoice) -> Iterator[Totals]:
    """Annotate shards one after the other in this process, and yield the totals of each."""
    annotator = Annotator(model, plan)
    for shard in shards:
        yield output.write(shard.name, annotator.annotate(shard))


def annotate_in_processes(
    shards: Iterable[Shard], output: Output, plan: Plan, model: ModelChoice, workers: int
) -> Iterator[Totals]:
    """Annotate shards in several worker processes, and yield the totals of each shard when it is complete.

    Raises:
        RanerError: a worker process was killed. Complete shards are kept.
    """
    context = multiprocessing.get_context("spawn")
    pending: set[Future[Totals]] = set()
    with ProcessPoolExecutor(workers, context, _open, (output, plan, model)) as pool:
        try:
            for shard in shards:
                if len(pending) >= workers * _SHARDS_PER_WORKER:
                    ended, pending = wait(pending, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in ended)
                pending.add(pool.submit(_annotate, shard))
            while pending:
                ended, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in ended)
        except BrokenProcessPool:
            raise RanerError("a worker process was killed; run the command again with --resume") from None


_worker: list[tuple[Annotator, Output]] = []


def _open(output: Output, plan: Plan, model: ModelChoice) -> None:
    # Otherwise, a worker process would wait for work forever after its parent is killed.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker.append((Annotator(model, plan), output))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _annotate(shard: Shard) -> Totals:
    [(annotator, output)] = _worker
    return output.write(shard.name, annotator.annotate(shard))
