"""The processes of deploy/compose as processes of this machine: the service, Redis and Prometheus.

Redis runs with the arguments of the Compose file, Prometheus with the files of deploy/prometheus.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.compose_check import COMPOSE, load, read_env
from tests.support.models.twins import LEFT, RIGHT, damage, make_twin
from tests.support.servers.prometheus import Prometheus, prometheus
from tests.support.servers.redis import RedisServer
from tests.support.servers.service import Server, serve
from tests.support.servers.workers import ready_workers, wait_for
from tests.support.texts.examples import NEWS

DAMAGED = "damaged"
TEXTS = [f"{NEWS[number % len(NEWS)]}{number}" for number in range(400)]


@dataclass(frozen=True)
class Stack:
    """The processes of the Compose file, as processes of this machine.

    The service serves the model at the link `model`, and the lexicon `lexicon`.
    """

    service: Server
    redis: RedisServer
    prometheus: Prometheus
    model: Path
    lexicon: Path
    directory: Path


@contextmanager
def running_stack(directory: Path) -> Generator[Stack]:
    """Start the processes and stop them afterwards. The service has two workers and serves the model `current`."""
    for version in (LEFT, RIGHT, DAMAGED):
        make_twin(directory / version, version)
    damage(directory / DAMAGED)
    model = directory / "current"
    model.symlink_to(directory / LEFT)
    lexicon = directory / "lexicons" / "names.tsv"
    lexicon.parent.mkdir()
    lexicon.write_text("峰会\tEVENT\n", encoding="utf-8")
    redis = RedisServer(directory)
    # The program's name, and what RedisServer sets itself.
    redis.start(*load(read_env(COMPOSE / "env.example"))["services"]["redis"]["command"][1:])
    settings = {
        "RANER_WORKERS": "2",
        "RANER_THREADS": "1",
        "RANER_MODEL": str(model),
        "RANER_LEXICONS": str(lexicon.parent),
        "RANER_CACHE_URL": redis.url,
        # Small, so that a few clients are turned back.
        "RANER_MAX_CONCURRENCY": "4",
        "RANER_TIMEOUT_S": "3",
    }
    with ExitStack() as running:
        running.callback(redis.kill)
        service = running.enter_context(serve(directory / "service.log", **settings))
        wait_for(lambda: len(ready_workers(service)) == 2, 60)
        watching = running.enter_context(prometheus(directory, service.url.removeprefix("http://")))
        # Prometheus sees an increase only if it knows the value before.
        wait_for(lambda: bool(watching.query("raner_model_updates_total == 0")), 60)
        yield Stack(service, redis, watching, model, lexicon, directory)
