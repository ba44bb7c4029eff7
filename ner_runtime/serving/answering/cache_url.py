"""Cache URL: from a `RANER_CACHE_URL` to the store that it names."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from ner_runtime.serving.answering.stores import MemoryStore, Store

MEMORY_URL = "memory://"
OFF = "off"
DEFAULT_MAX_MB = 64


def open_store(url: str, ttl_s: float) -> Store | None:
    """The store of a `RANER_CACHE_URL`; None where it is off. Needs the event loop."""
    if url == OFF:
        return None
    if url.startswith(MEMORY_URL):
        return MemoryStore(_max_mb(url) * 1024 * 1024, ttl_s)
    # It takes a fifth of a second to import, and most have no use for it.
    from ner_runtime.serving.answering.redis_store import RedisStore

    return RedisStore(url, ttl_s)


def _max_mb(url: str) -> int:
    return int(parse_qs(urlsplit(url).query).get("max_mb", [str(DEFAULT_MAX_MB)])[0])
