"""The whole service open to pages of one other host: what a browser asks and is told."""

import asyncio

import httpx
import pytest
from starlette.responses import PlainTextResponse

from ner_runtime.serving.http.cors import across_origins


def ask(origins: tuple[str, ...], method: str, origin: str) -> httpx.Response:
    headers = {"origin": origin, "access-control-request-method": "POST"}
    app = across_origins(PlainTextResponse("here", 405 if method == "OPTIONS" else 200), origins)

    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.request(method, "/ner", headers=headers)

    return asyncio.run(asked())


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
def test_without_origins_nothing_is_said_of_them(method: str) -> None:
    answer = ask((), method, "https://app.example")
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_known_origin_may_and_another_may_not() -> None:
    origins = ("https://app.example",)
    assert ask(origins, "OPTIONS", "https://app.example").status_code == 200
    assert ask(origins, "POST", "https://app.example").headers["access-control-allow-origin"] == "https://app.example"
    assert ask(origins, "OPTIONS", "https://evil.example").status_code == 400
    assert "access-control-allow-origin" not in ask(origins, "POST", "https://evil.example").headers


def test_all_origins() -> None:
    assert ask(("*",), "POST", "https://any.example").headers["access-control-allow-origin"] == "*"
