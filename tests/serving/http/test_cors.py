import httpx
import pytest
from starlette.responses import PlainTextResponse

from ner_runtime.serving.http.cors import with_cors
from tests.support.http.edge_service import error

pytestmark = pytest.mark.anyio


async def respond(origins: tuple[str, ...], method: str, origin: str) -> httpx.Response:
    """The response to a preflight (OPTIONS) or to a POST from a page of `origin`."""
    headers = {"origin": origin, "access-control-request-method": "POST"}
    app = with_cors(PlainTextResponse("text", 405 if method == "OPTIONS" else 200), origins)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.request(method, "/ner", headers=headers)


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
async def test_without_origins_responses_have_no_cors_headers(method: str) -> None:
    response = await respond((), method, "https://app.example")
    assert not [name for name in response.headers if name.startswith("access-control")]


async def test_a_configured_origin_is_allowed_and_another_is_not() -> None:
    origins = ("https://app.example",)
    assert (await respond(origins, "OPTIONS", "https://app.example")).status_code == 200
    allowed = await respond(origins, "POST", "https://app.example")
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    rejected = await respond(origins, "OPTIONS", "https://evil.example")
    assert error(rejected) == (400, "malformed_request")
    assert "access-control-allow-origin" not in rejected.headers
    refused = await respond(origins, "POST", "https://evil.example")
    assert "access-control-allow-origin" not in refused.headers


async def test_a_star_allows_every_origin() -> None:
    response = await respond(("*",), "POST", "https://any.example")
    assert response.headers["access-control-allow-origin"] == "*"
