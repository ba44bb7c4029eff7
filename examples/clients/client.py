"""Find the entities of texts with httpx, one text at a time. Usage: client.py [URL]"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import httpx


def find_entities(client: httpx.Client, text: str) -> list[dict[str, Any]]:
    """Return the entities of a text. Retry while the service is overloaded or not ready."""
    while True:
        response = client.post("/ner", json={"text": text})
        if response.status_code not in (429, 503):
            break
        time.sleep(float(response.headers.get("Retry-After", "1")))
    body = response.json()
    if not body["success"]:
        raise RuntimeError(f"{body['error']['code']}: {body['error']['message']}")
    return body["data"]


def main() -> None:
    """Print the entities of two texts."""
    url = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:3000"
    key = os.environ.get("RANER_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    # Use one client for all requests: it keeps the connection open.
    with httpx.Client(base_url=url, headers=headers, timeout=35) as client:
        for text in ("马云在杭州。", "李娜是网球运动员。"):
            for entity in find_entities(client, text):
                print(entity["type"], entity["span"], entity["start_offset"], entity["end_offset"])


if __name__ == "__main__":
    main()
