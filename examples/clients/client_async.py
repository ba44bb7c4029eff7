"""Find the entities of many texts with httpx, several requests at a time. Usage: client_async.py [URL]"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import httpx

AT_ONCE = 8
TEXTS = [f"第{number}届峰会上，马云在杭州发言。" for number in range(100)]


async def find_entities(client: httpx.AsyncClient, limit: asyncio.Semaphore, text: str) -> list[dict[str, Any]]:
    """Return the entities of a text. `limit` keeps the requests in flight below the limit of the service."""
    async with limit:
        response = await client.post("/ner", json={"text": text})
    response.raise_for_status()
    return response.json()["data"]


async def main() -> None:
    """Count the entities of a hundred texts."""
    url = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:3000"
    limit = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(base_url=url, timeout=35) as client:
        found = await asyncio.gather(*(find_entities(client, limit, text) for text in TEXTS))
    print(len(TEXTS), "texts,", sum(map(len, found)), "entities")


if __name__ == "__main__":
    asyncio.run(main())
