"""Every private or undocumented symbol of BentoML, circus, tornado, uvicorn and modelscope_hub that this project uses.

No other module imports such a symbol, so an upgrade that moves or removes one breaks only this module.
`tests/upstream/test_private.py` shows what stops working; pyproject.toml allows only BentoML versions that pass it.

The imports are lazy: the command line must not load BentoML, and a worker must not load circus.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
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
    from starlette.types import ASGIApp, Receive, Scope, Send
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


def use_short_request_path() -> None:
    """Make BentoML call an API method for each request directly, without the steps that this service does not use.

    BentoML's endpoint provides a request context, files, cookies, background tasks and streams, and its dispatcher
    collects requests for a batch while the previous one is processed. Here the API methods pass the requests on to the
    scheduler, which batches tokens: collecting the requests before would only delay them.

    If an exporter for traces is configured, BentoML's endpoint is kept, because it adds the trace ids. Call this
    function before `bentoml.Service.to_asgi`.
    """
    from _bentoml_impl.server.app import ServiceAppFactory
    from starlette.requests import Request
    from starlette.responses import Response

    async def infer(
        self: ServiceAppFactory, name: str, input_args: tuple[Any, ...], input_kwargs: Mapping[str, Any]
    ) -> Any:
        service: Any = self._service_instance  # pyright: ignore[reportPrivateUsage]
        return await getattr(service, name).local(**input_kwargs)

    async def respond(self: ServiceAppFactory, name: str, request: Request) -> Response:
        method: Any = self.service.apis[name]
        arguments = await method.input_spec.from_http_request(request, None)
        output = await infer(self, name, (), {field: getattr(arguments, field) for field in arguments.model_fields})
        response: Response = await method.output_spec.to_http_response(output, None)
        response.headers["server"] = f"BentoML Service/{self.service.name}"
        return response

    ServiceAppFactory.batch_infer = infer
    if not _traces_requests():
        ServiceAppFactory.api_endpoint_wrapper = respond


def shorten_request_path(app: ASGIApp) -> ASGIApp:
    """Return the application of `bentoml.Service.to_asgi` without the middleware that this service does not need.

    - The edge has its own time limit: BentoML's creates a task for each request, and a timer that it does not cancel.
    - The traffic metrics duplicate the `raner_request…` metrics under BentoML's names.
    - Without an exporter, spans are not created, and the context, which holds their ids, is not needed. Then the
      endpoints of the API methods are called directly: the edge has matched the path, and handles exceptions.
    """
    from _bentoml_impl.server.app import ContextMiddleware
    from bentoml._internal.server.http.instruments import RunnerTrafficMetricsMiddleware
    from bentoml._internal.server.http.traffic import TimeoutMiddleware
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.routing import Route

    assert isinstance(app, Starlette)  # noqa: S101
    removed: list[object] = [TimeoutMiddleware, RunnerTrafficMetricsMiddleware]
    if not _traces_requests():
        removed += [OpenTelemetryMiddleware, ContextMiddleware]
    app.user_middleware = [middleware for middleware in app.user_middleware if middleware.cls not in removed]
    if app.user_middleware:
        return app
    routes = [route for route in app.routes if isinstance(route, Route)]
    endpoints = {route.path: route.endpoint for route in routes if "POST" in (route.methods or ())}

    async def short(scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = endpoints.get(scope["path"]) if scope.get("method") == "POST" else None
        if endpoint is None:
            await app(scope, receive, send)
        else:
            response = await endpoint(Request(scope, receive, send))
            await response(scope, receive, send)

    return short


def _traces_requests() -> bool:
    from bentoml._internal.configuration.containers import BentoMLContainer

    return BentoMLContainer.tracing.exporter_type.get() is not None


def cache_api_methods(service: object) -> None:
    """Bind the API methods of a service instance once; BentoML would inspect their signatures at each access."""
    from _bentoml_sdk.method import APIMethod

    for name, member in vars(type(service)).items():
        if isinstance(member, APIMethod):
            vars(service)[name] = getattr(service, name)


def use_http_protocol(protocol: Callable[..., HttpToolsProtocol]) -> None:
    """Make uvicorn serve HTTP with this protocol; BentoML does not configure one.

    Args:
        protocol: called with the arguments of uvicorn's protocol for each connection
    """
    from uvicorn.config import HTTP_PROTOCOLS

    protocols: dict[Any, Any] = HTTP_PROTOCOLS
    protocols["auto"] = protocol


def keep_alive_is_set() -> bool:
    """Whether this worker was started by `bentoml serve --timeout-keep-alive`. Otherwise BentoML passes 5 seconds."""
    return "--timeout-keep-alive" in sys.argv


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
        Exception: the model is missing or damaged. The types are those of BentoML, the YAML parser and others.
    """
    from bentoml.models import get

    return get(tag, _model_store=store)
