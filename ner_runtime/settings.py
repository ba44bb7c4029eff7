"""Every setting, once: its name, type, default and a sentence of documentation. Read from `RANER_*`.

The table in the README is `settings_table()`, and a test keeps the two the same.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ner_runtime.cpus import available_cpus
from ner_runtime.errors import SettingError

PREFIX = "RANER_"
ACTIVE_MODEL = "active"
EMBEDDED_MODEL = "embedded"
MAX_WORKERS = 64
_MAX_DEFAULT_WORKERS = 4
_HASHED = "sha256:"
_DATABASE = re.compile(r"(/[0-9]*)?")
_ORIGIN = re.compile(r"https?://[^/?#\s]+")
_SECRET = ("api_keys", "cache_url")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def _digests(value: object) -> object:
    """The keys as sha256 digests, so that no object of ours holds a key."""
    if not isinstance(value, str):
        return value
    digests = tuple(_digest(part.strip()) for part in value.split(",") if part.strip())
    if not digests:
        # Whoever sets this wants keys to be asked for: commas alone must not open the service.
        raise ValueError("no key")
    return digests


def _digest(key: str) -> str:
    if not key.startswith(_HASHED):
        return hashlib.sha256(key.encode()).hexdigest()
    digest = key.removeprefix(_HASHED).lower()
    if not _SHA256.fullmatch(digest):
        raise ValueError("not a sha256 digest")
    return digest


def _origins(value: object) -> object:
    if not isinstance(value, str):
        return value
    origins = tuple(part.strip() for part in value.split(",") if part.strip())
    if not all(origin == "*" or _ORIGIN.fullmatch(origin) for origin in origins):
        raise ValueError("not an origin")
    return origins


def _cache_url(url: str) -> str:
    if not url.startswith(("redis", "unix")):
        return url
    from redis import Redis

    parts = urlsplit(url)
    if parts.scheme != "unix" and not _DATABASE.fullmatch(parts.path):
        raise ValueError("the database is not a number")
    try:
        # Connects to nothing; reads host, port and options as the cache will.
        Redis.from_url(url).connection_pool.make_connection()
    except TypeError:
        raise ValueError("an option that there is not") from None
    return url


def _setting(default: Any, allowed: str, description: str, **bounds: Any) -> Any:
    return Field(default=default, description=description, json_schema_extra={"allowed": allowed}, **bounds)


class Settings(BaseSettings):
    """All settings of the service. An unset or empty variable means the default."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True)

    model: str = _setting(
        ACTIVE_MODEL,
        "`active`, `embedded`, a directory, a stored tag or name, or a hub id",
        "The model to serve. `active` is what `raner use` chose, and until then `embedded`, the one that ships with "
        "the package. A hub id is pulled once when it is not in the store.",
    )
    workers: int = _setting(
        min(available_cpus(), _MAX_DEFAULT_WORKERS),
        f"1 to {MAX_WORKERS}",
        f"Worker processes, each with a model of its own. Default: the CPUs of the container, at most "
        f"{_MAX_DEFAULT_WORKERS}.",
        ge=1,
        le=MAX_WORKERS,
    )
    threads: int = _setting(
        0,
        "0 to 256",
        "Threads of one inference. 0: the container's CPUs divided by the workers.",
        ge=0,
        le=256,
    )
    engine: Literal["onnxruntime", "openvino"] = _setting(
        "onnxruntime", "`onnxruntime`, `openvino`", "The inference engine. OpenVINO is the extra `openvino`."
    )
    device: Literal["cpu", "cuda"] = _setting(
        "cpu", "`cpu`, `cuda`", "Where inference runs. `cuda` needs onnxruntime-gpu in place of onnxruntime."
    )
    port: int = _setting(3000, "1 to 65535", "The port of `make serve`.", ge=1, le=65535)
    max_chars: int = _setting(
        100_000, "1 to 10000000", "Longest text, in code points; a longer one is answered 413.", ge=1, le=10_000_000
    )
    max_texts: int = _setting(256, "1 to 10000", "Most texts in one `POST /ner/batch`.", ge=1, le=10_000)
    max_body_bytes: int = _setting(
        4_194_304,
        "1024 to 268435456",
        "Largest request body; a larger one is answered 413 before it is read.",
        ge=1024,
        le=268_435_456,
    )
    max_batch_tokens: int = _setting(
        2048, "512 to 262144", "Token budget of one inference batch, padding included.", ge=512, le=262_144
    )
    timeout_s: float = _setting(
        30.0,
        "0.1 to 3600",
        "Seconds for a body to arrive, and from then on for its answer; after them, 504.",
        ge=0.1,
        le=3600,
    )
    max_concurrency: int = _setting(
        64, "1 to 100000", "Requests in flight per worker; one more is answered 429.", ge=1, le=100_000
    )
    update_interval_s: float = _setting(
        0.0,
        "0 to 604800",
        "Seconds between questions to the hub whether the served model has a newer revision, which is then pulled. "
        "0: never.",
        ge=0,
        le=604_800,
    )
    hang_timeout_s: float = _setting(
        60.0,
        "0 to 3600",
        "Seconds without a sign of life after which a worker is replaced; longer than any batch takes. 0: never.",
        ge=0,
        le=3600,
    )
    drain_s: float = _setting(
        2.0,
        "0 to 600",
        "Seconds after SIGTERM in which `/readyz` answers 503 and requests are still answered.",
        ge=0,
        le=600,
    )
    grace_s: float = _setting(
        25.0,
        "0.1 to 3600",
        "Seconds after SIGTERM at which the service is gone, whatever is in flight; that is answered 503.",
        ge=0.1,
        le=3600,
    )
    api_keys: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_digests)] = _setting(
        (),
        "keys, or `sha256:` and 64 hex digits, separated by commas",
        "API keys that may call `/ner` and `/ner/batch`, as they are or hashed. Empty: no key is asked for.",
    )

    rate_limit: str = _setting(
        "off",
        "`off`, or a number and a period: `100/s`, `600/min`, `10000/h`",
        "Requests that each client may send to each worker. A client is an API key, or else an address.",
        pattern=r"^(off|[1-9][0-9]{0,8}/(s|min|h))$",
    )
    trusted_proxies: int = _setting(
        0,
        "0 to 16",
        "Reverse proxies in front, whose `X-Forwarded-For` tells the client's address. 0: the header is not believed.",
        ge=0,
        le=16,
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)] = _setting(
        (),
        "origins as `https://app.example`, separated by commas, or `*`",
        "Web pages of other hosts that may call the service. Empty: none.",
    )
    cache_url: Annotated[str, AfterValidator(_cache_url)] = _setting(
        "memory://",
        "`off`, `memory://`, `memory://?max_mb=64`, `redis://…`, `rediss://…`, `unix://…`",
        "Where results are kept: in each worker, or in a Redis for many of them. Keys are hashes; a result holds "
        "types, offsets and scores, and no word of the text.",
        pattern=r"^(off|memory://(\?max_mb=[1-9][0-9]{0,5})?|rediss?://[^/?#]+.*|unix:///.+)$",
    )
    cache_ttl_s: float = _setting(86_400.0, "1 to 31536000", "Seconds for which a result is kept.", ge=1, le=31_536_000)
    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "info",
        "`debug`, `info`, `warning`, `error`",
        "What is logged: `info` has a line for each answer, `debug` one for each page and probe too.",
    )
    log_format: Literal["json", "text"] = _setting(
        "json", "`json`, `text`", "How it is logged, on standard error: one JSON object or one line of text per event."
    )

    @property
    def threads_per_worker(self) -> int:
        """Threads of one inference in a worker, with 0 resolved."""
        return self.threads or max(1, available_cpus() // self.workers)

    @property
    def threads_alone(self) -> int:
        """Threads of one inference where there are no workers, as on the command line, with 0 resolved."""
        return self.threads or available_cpus()


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingError: a value is not allowed; the message names the setting, the value and what is allowed.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0]).removeprefix(PREFIX.lower())
        value = "a value that is not shown" if field in _SECRET else repr(first["input"])
        allowed = _allowed(Settings.model_fields[field]).replace("`", "")
        raise SettingError(f"{PREFIX}{field.upper()} is {value}; allowed: {allowed}") from None


def settings_table() -> str:
    """The settings as a Markdown table."""
    rows = ["| setting | default | allowed | what it does |", "| --- | --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default == () else f"`{field.default}`"
        # The default of `workers` depends on the machine; its description says how.
        default = "CPUs" if name == "workers" else default
        rows.append(f"| `{PREFIX}{name.upper()}` | {default} | {_allowed(field)} | {field.description} |")
    return "\n".join(rows)


def _allowed(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra["allowed"]) if isinstance(extra, dict) else ""
