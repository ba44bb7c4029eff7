"""Open the store that `RANER_CACHE_URL` names."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from ner_runtime.serving.answering.cache import MemoryStore, Store

MEMORY_URL = "memory://"
OFF = "off"
DEFAULT_MAX_MB = 64


def open_store(url: str, ttl_s: float) -> Store | None:
    """Open the store that `url` names; return None for `off`. Needs a running event loop.

    Args:
        url: value of `RANER_CACHE_URL`
        ttl_s: how long a result is kept, in seconds
    """
    if url == OFF:
        return None
    if url.startswith(MEMORY_URL):
        return MemoryStore(_max_mb(url) * 1024 * 1024, ttl_s)
    # Imported here because the import takes 0.2 s and only Redis needs it.
    from ner_runtime.serving.answering.redis_store import RedisStore

    return RedisStore(url, ttl_s)


def _max_mb(url: str) -> int:
    return int(parse_qs(urlsplit(url).query).get("max_mb", [str(DEFAULT_MAX_MB)])[0])
