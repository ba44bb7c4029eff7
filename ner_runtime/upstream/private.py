"""Every private or undocumented symbol of BentoML, circus, tornado, uvicorn and modelscope_hub that this project uses.

No other module imports such a symbol, so an upgrade that moves or removes one breaks only this module.
`tests/upstream/test_private.py` shows what stops working; pyproject.toml allows only BentoML versions that pass it.

The imports are lazy: the command line must not load BentoML, and a worker must not load circus.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bentoml import Model
    from bentoml._internal.configuration.containers import BentoMLContainer as BentoMLContainer
    from bentoml._internal.models import ModelStore as ModelStore
    from bentoml._internal.utils.circus import Arbiter as Arbiter
    from circus.exc import ConflictError as ConflictError
    from circus.watcher import Watcher as Watcher
    from modelscope_hub._download import ProgressCallback as ProgressCallback
    from modelscope_hub.compat.snapshot_download import snapshot_download as snapshot_download
    from starlette.types import ASGIApp
    from tornado.ioloop import IOLoop as IOLoop
    from uvicorn.loops.auto import auto_loop_factory as auto_loop_factory
    from uvicorn.protocols.http.flow_control import FlowControl as FlowControl
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as HttpToolsProtocol

SYMBOLS: Mapping[str, str] = {
    "Arbiter": "bentoml._internal.utils.circus",
    "BentoMLContainer": "bentoml._internal.configuration.containers",
    "ConflictError": "circus.exc",
    "FlowControl": "uvicorn.protocols.http.flow_control",
    "HttpToolsProtocol": "uvicorn.protocols.http.httptools_impl",
    "IOLoop": "tornado.ioloop",
    "ModelStore": "bentoml._internal.models",
    "ProgressCallback": "modelscope_hub._download",
    "Watcher": "circus.watcher",
    "auto_loop_factory": "uvicorn.loops.auto",
    # `modelscope` exports it too, but importing `modelscope` imports PyTorch.
    "snapshot_download": "modelscope_hub.compat.snapshot_download",
}
"""The names that this module exports, each with its source module."""

WORKER_MODULE = "_bentoml_impl.worker.service"
"""The module that BentoML runs as a worker process (`python -m`)."""

CONFIGURATION_LOGGER = "bentoml._internal.configuration"
"""The logger whose messages quote BENTOML_CONFIG_OPTIONS."""


def __getattr__(name: str) -> Any:
    if name not in SYMBOLS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(SYMBOLS[name]), name)


def replace_arbiter(arbiter: type[Arbiter]) -> None:
    """Make BentoML start the workers with this arbiter class instead of its own.

    Call it before BentoML starts the workers.
    """
    from bentoml._internal.utils import circus

    circus.Arbiter = arbiter


def remove_idle_middleware(app: ASGIApp) -> None:
    """Remove unneeded BentoML middleware from the application that `bentoml.Service.to_asgi` returns.

    The OpenTelemetry middleware creates spans even if no exporter is configured; in that case it is removed. The
    middleware for traffic metrics duplicates the `raner_request…` metrics under BentoML's names.
    """
    from bentoml._internal.configuration.containers import BentoMLContainer
    from bentoml._internal.server.http.instruments import RunnerTrafficMetricsMiddleware
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    from starlette.applications import Starlette

    assert isinstance(app, Starlette)  # noqa: S101
    idle: list[object] = [RunnerTrafficMetricsMiddleware]
    if BentoMLContainer.tracing.exporter_type.get() is None:
        idle.append(OpenTelemetryMiddleware)
    app.user_middleware = [middleware for middleware in app.user_middleware if middleware.cls not in idle]


def dispatch_at_once() -> None:
    """Make BentoML's batching dispatcher pass requests on in the next iteration of the event loop.

    By default, the dispatcher delays requests to collect larger batches, for as long as earlier requests have waited:
    20 ms on a busy worker. That helps if the API processes the batch itself. Here the API only passes its requests to
    the scheduler, which batches tokens. Call this function before `bentoml.Service.to_asgi`.
    """
    from _bentoml_impl.server import app
    from bentoml._internal.marshal.dispatcher import CorkDispatcher, Optimizer

    class PromptOptimizer(Optimizer):
        wait = property(lambda _self: 0.0, lambda _self, _value: None)

    class PromptDispatcher(CorkDispatcher[Sequence[object], object]):
        # Seconds to sleep while the previous batch is handed over, which takes one iteration of the event loop.
        TICKET_INTERVAL = 0

        def __init__(self, *args: Any, **options: Any) -> None:
            # BentoML looks up the type of each batch to find its size; here a batch is always a list.
            super().__init__(*args, **{**options, "get_batch_size": len})
            self.optimizer = PromptOptimizer(self.max_latency)

    app.CorkDispatcher = PromptDispatcher


def name_server_directly() -> None:
    """Make BentoML set the `Server` header of a response without its dependency injection.

    For each response, BentoML looks up the format of trace ids, but it sends trace ids only if spans are exported.
    Call this function before `bentoml.Service.to_asgi`.
    """
    from _bentoml_impl.server.app import ServiceAppFactory
    from bentoml._internal.configuration.containers import BentoMLContainer
    from starlette.responses import Response

    def add_server(self: ServiceAppFactory, resp: Response, logging_format: object = None) -> None:
        resp.headers["server"] = f"BentoML Service/{self.service.name}"

    if BentoMLContainer.tracing.exporter_type.get() is None:
        ServiceAppFactory._add_response_headers = add_server  # pyright: ignore[reportPrivateUsage]


def cache_api_methods(service: object) -> None:
    """Bind the API methods of a service instance once; BentoML would inspect their signatures at each access."""
    from _bentoml_sdk.method import APIMethod

    for name, member in vars(type(service)).items():
        if isinstance(member, APIMethod):
            vars(service)[name] = getattr(service, name)


def use_http_protocol(protocol: str) -> None:
    """Make uvicorn serve HTTP with this protocol class; BentoML does not configure one.

    Args:
        protocol: import string of a protocol class, `module:Class`
    """
    from uvicorn.config import HTTP_PROTOCOLS

    HTTP_PROTOCOLS["auto"] = protocol


def use_event_loop(factory: str) -> None:
    """Make uvicorn run in the event loop that this factory makes; BentoML does not configure one.

    Args:
        factory: import string of a function like those of `uvicorn.loops`, `module:function`
    """
    from uvicorn.config import LOOP_FACTORIES

    LOOP_FACTORIES["auto"] = factory


def open_model_store(root: Path) -> ModelStore:
    """Open BentoML's model store in the directory `root`."""
    # BentoML reports stored models to its authors unless this is set.
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    from bentoml._internal.models import ModelStore

    return ModelStore(root)


def served_model_store() -> ModelStore | None:
    """Return the model store of the served bento; None if no bento with its own models is served.

    Raises:
        bentoml.exceptions.BentoMLException, OSError: the store cannot be opened.
    """
    from bentoml._internal.configuration.containers import BentoMLContainer

    store = BentoMLContainer.model_store.get()
    own = Path(BentoMLContainer.bentoml_home.get(), "models")
    return None if model_store_root(store) == own else store


def model_store_root(store: ModelStore) -> Path:
    """Return the directory of a model store."""
    return store._path  # pyright: ignore[reportPrivateUsage]


def create_stored_model(store: ModelStore, tag: str, metadata: Mapping[str, str]) -> AbstractContextManager[Model]:
    """Add a model to a store. It is in the store after the `with` block ends."""
    from bentoml.models import create

    return create(tag, metadata=dict(metadata), _model_store=store)


def get_stored_model(store: ModelStore, tag: str) -> Model:
    """Return the model with this tag from a store.

    Raises:
        bentoml.exceptions.BentoMLException, ValueError, OSError: the model is missing or damaged.
    """
    from bentoml.models import get

    return get(tag, _model_store=store)
