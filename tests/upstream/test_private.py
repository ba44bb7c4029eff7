"""What this project relies on in BentoML, circus, tornado and modelscope_hub without a promise that it stays.

A failure here after an upgrade names the part of the service that would break. `ner_runtime/upstream/private.py` is
where to mend it.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import logging
import re
import subprocess
import sys
from collections.abc import Generator, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import bentoml
import httpx
import pytest
import uvicorn
from bentoml.serving import construct_timeouts_args
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ner_runtime.serving.http.connection.protocol import HttpProtocol
from ner_runtime.upstream import private
from tests.support.servers.service import REPOSITORY

# Importing BentoML warns of deprecated names of pathspec.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

FENCE = {Path("ner_runtime/upstream/private.py"), Path("tests/upstream/test_private.py")}
PRIVATE = ("bentoml._", "_bentoml_", "circus", "tornado", "modelscope_hub._", "modelscope_hub.compat")
PRIVATE += ("uvicorn.config", "uvicorn.protocols")


def imported_modules(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def python_files() -> list[Path]:
    run = subprocess.run(["git", "ls-files", "-z", "*.py"], cwd=REPOSITORY, capture_output=True, check=True)
    return [Path(name) for name in run.stdout.decode().split("\0") if name and (REPOSITORY / name).exists()]


def test_private_symbols_are_imported_in_one_module_only() -> None:
    users = {
        f"{path}: {name}"
        for path in python_files()
        if path not in FENCE
        for name in imported_modules((REPOSITORY / path).read_text(encoding="utf-8"))
        if name.startswith(PRIVATE)
    }
    assert not users, "import these through ner_runtime.upstream.private"


@pytest.mark.parametrize("name", private.SYMBOLS)
def test_a_symbol_is_where_it_was(name: str) -> None:
    assert getattr(private, name), f"{private.SYMBOLS[name]} has moved {name}; see its uses"


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(private, "Unknown")


def test_the_service_class_is_public() -> None:
    assert "Service" in bentoml.__all__, "service.py: the edge wraps the application through a subclass of Service"
    assert "is_main" in inspect.signature(bentoml.Service.to_asgi).parameters


@pytest.fixture
def http_protocol_put_back() -> Generator[None]:
    from uvicorn.config import HTTP_PROTOCOLS

    own = HTTP_PROTOCOLS["auto"]
    yield
    private.use_http_protocol(own)


@pytest.mark.usefixtures("http_protocol_put_back")
def test_uvicorn_serves_http_with_the_protocol_that_replaces_its_own() -> None:
    private.use_http_protocol(partial(HttpProtocol, refusals=None))
    # BentoML's worker configures uvicorn without a protocol.
    config = uvicorn.Config(lambda: None)
    config.load()
    assert isinstance(config.http_protocol_class, partial), "malformed requests and Upgrade are handled by uvicorn"
    assert "http=" not in inspect.getsource(import_module(private.WORKER_MODULE).main.callback)


@pytest.mark.parametrize(("arguments", "is_set"), [([], False), (["--timeout-keep-alive", "9"], True)])
def test_bentoml_passes_the_keep_alive_option_to_its_workers(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], is_set: bool
) -> None:
    given = 9 if is_set else None
    passed = construct_timeouts_args(timeout_keep_alive=given, timeout_graceful_shutdown=None)
    assert passed == arguments
    monkeypatch.setattr(sys, "argv", ["worker", *passed])
    assert private.keep_alive_is_set() is is_set


@pytest.fixture
def event_loop_put_back() -> Generator[None]:
    from uvicorn.config import LOOP_FACTORIES

    own = LOOP_FACTORIES["auto"]
    assert own is not None
    yield
    private.use_event_loop(own)


@pytest.mark.usefixtures("event_loop_put_back")
def test_uvicorn_runs_in_the_event_loop_that_replaces_its_own() -> None:
    private.use_event_loop("ner_runtime.serving.http.listener:loop_factory")
    make_loop = uvicorn.Config(lambda: None).get_loop_factory()
    assert make_loop is not None
    assert "loop_factory" in make_loop.__qualname__, "one worker would accept the connections of all"
    source = inspect.getsource(import_module(private.WORKER_MODULE).main.callback)
    assert "loop=" not in source, "BentoML's worker configures uvicorn without a loop"


@pytest.fixture
def arbiter_put_back() -> Generator[None]:
    own = private.Arbiter
    yield
    private.replace_arbiter(own)


@pytest.mark.usefixtures("arbiter_put_back")
def test_bentoml_starts_workers_with_the_arbiter_that_replaces_its_own() -> None:
    from bentoml._internal.utils import circus

    class Replacement(private.Arbiter):
        pass

    private.replace_arbiter(Replacement)
    arbiter = circus.create_standalone_arbiter([])
    assert isinstance(arbiter, Replacement), "hung and killed workers would not be replaced"


@pytest.mark.parametrize("method", ["start", "stop", "initialize", "manage_watchers", "reap_processes"])
def test_the_arbiter_has_the_methods_that_the_supervisor_extends(method: str) -> None:
    assert callable(getattr(private.Arbiter, method)), "serving/lifecycle/supervisor.py overrides or calls it"


def test_the_arbiter_checks_its_workers_as_often_as_it_is_asked_to() -> None:
    assert "check_delay" in inspect.signature(private.Arbiter.__mro__[1].__init__).parameters


def test_a_watcher_has_what_the_supervisor_sets() -> None:
    watcher = private.Watcher("test", "true", numprocesses=2, env={"A": "1"})
    assert (watcher.name, watcher.numprocesses, watcher.env) == ("test", 2, {"A": "1"})
    assert watcher.respawn
    assert watcher.graceful_timeout > 0, "workers would be killed before their grace time is over"
    assert watcher.hooks == {}
    assert watcher.processes == {}
    assert not watcher.is_stopping()


@pytest.mark.parametrize("hook", ["after_spawn", "after_reap"])
def test_a_watcher_calls_the_hooks_that_the_supervisor_sets(hook: str) -> None:
    source = inspect.getsource(private.Watcher)
    assert re.search(rf"call_hook\(['\"]{hook}['\"]", source), "the supervisor would not know its workers"


def test_workers_run_in_the_module_that_tests_look_for() -> None:
    from _bentoml_impl.server import serving

    assert serving._SERVICE_WORKER_SCRIPT == private.WORKER_MODULE


def test_the_configuration_logger_has_its_name() -> None:
    from bentoml._internal import configuration

    assert configuration.logger is logging.getLogger(private.CONFIGURATION_LOGGER), "credentials would reach the log"


def test_a_model_is_stored_and_found(tmp_path: Path) -> None:
    store = private.open_model_store(tmp_path)
    with private.create_stored_model(store, "tiny:1", {"precision": "int8"}):
        pass
    model = private.get_stored_model(store, "tiny:1")
    assert private.model_store_root(store) == tmp_path
    assert (str(model.tag), Path(model.path)) == ("tiny:1", tmp_path / "tiny" / "1")
    assert model.info.metadata == {"precision": "int8"}


def test_only_a_bento_has_a_model_store_of_its_own(tmp_path: Path) -> None:
    assert private.served_model_store() is None
    private.BentoMLContainer.model_store.set(private.open_model_store(tmp_path))
    try:
        store = private.served_model_store()
        assert store is not None
        assert private.model_store_root(store) == tmp_path
    finally:
        private.BentoMLContainer.model_store.reset()


def test_a_download_reports_its_progress() -> None:
    callback = private.ProgressCallback("file", 7)
    assert callable(callback.update), "raner pull would have no progress bar"
    parameters = inspect.signature(private.snapshot_download).parameters
    used = {"revision", "endpoint", "local_dir", "cache_dir", "allow_patterns", "progress_callbacks"}
    assert used <= set(parameters), "raner pull could not download"


@pytest.fixture
def plain() -> type:
    """The class of a BentoML service with one API, which reverses the bodies of a batch."""

    class Input(bentoml.IODescriptor):
        batch: list[str]

        @classmethod
        async def from_http_request(cls, request: Request, serde: object) -> SimpleNamespace:
            return SimpleNamespace(batch=[(await request.body()).decode()], model_fields=("batch",))

    class Output(bentoml.IODescriptor):
        responses: list[str]

        @classmethod
        async def to_http_response(cls, obj: list[str], serde: object) -> Response:
            return PlainTextResponse(*obj)

    class Plain:
        @bentoml.api(batchable=True, input_spec=Input, output_spec=Output)
        async def reverse(self, batch: list[str]) -> list[str]:
            return [text[::-1] for text in batch]

    return Plain


@pytest.fixture
def short_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the request path of BentoML for one test."""
    from _bentoml_impl.server.app import ServiceAppFactory

    for name in ("batch_infer", "api_endpoint_wrapper"):
        monkeypatch.setattr(ServiceAppFactory, name, getattr(ServiceAppFactory, name))
    private.use_short_request_path()


@pytest.mark.usefixtures("short_path")
@pytest.mark.anyio
async def test_each_request_is_passed_to_its_api_method_at_once(plain: type) -> None:
    # As in service.py; the access log of BentoML would be a middleware.
    options = {"traffic": {"timeout": 5}, "logging": {"access": {"enabled": False}}}
    app = bentoml.service(name="plain", **options)(plain).to_asgi()
    short = private.shorten_request_path(app)
    assert short is not app, "BentoML has new middleware: remove it, or the request path becomes longer"
    client = httpx.AsyncClient(transport=httpx.ASGITransport(short), base_url="http://test")
    async with app.router.lifespan_context(app), client:
        responses = await asyncio.gather(*(client.post("/reverse", content=f"{number}a") for number in range(5)))
        assert [response.text for response in responses] == [f"a{number}" for number in range(5)]
        assert responses[0].headers["server"] == "BentoML Service/plain"
        assert (await client.get("/readyz")).status_code == 200


def middleware_names(service: bentoml.Service[object]) -> set[str]:
    app = service.to_asgi()
    private.shorten_request_path(app)
    return {middleware.cls.__name__ for middleware in app.user_middleware}


def test_spans_and_their_context_are_made_only_where_they_are_exported(
    plain: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = bentoml.service(name="plain")(plain)
    without = middleware_names(service)
    options = {"exporter_type": "otlp", "otlp": {"endpoint": "http://127.0.0.1:9", "protocol": "http"}}
    monkeypatch.setitem(service.config, "tracing", options)
    assert middleware_names(service) - without == {"OpenTelemetryMiddleware", "ContextMiddleware"}


def test_the_time_limit_and_the_traffic_metrics_of_bentoml_are_removed(plain: type) -> None:
    names = middleware_names(bentoml.service(name="plain", traffic={"timeout": 5})(plain))
    assert "TimeoutMiddleware" not in names, "the edge has a time limit"
    assert not {name for name in names if "Metrics" in name}, "each request would be counted twice"


def test_api_methods_are_bound_once(plain: type) -> None:
    service = plain()
    assert service.reverse is not service.reverse, "BentoML binds once itself: cache_api_methods can go"
    private.cache_api_methods(service)
    assert service.reverse is service.reverse
