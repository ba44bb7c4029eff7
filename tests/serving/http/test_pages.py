from pathlib import Path

import httpx
import pytest

from ner_runtime.serving.api.model_status import ModelStatus
from ner_runtime.serving.http.pages import Pages

pytestmark = pytest.mark.anyio

STATUSES = {"default": ModelStatus()}


@pytest.fixture
def static(tmp_path: Path) -> Path:
    (tmp_path / "js").mkdir()
    for name in ("index.html", "docs.html", "js/app.js"):
        (tmp_path / name).write_text(name)
    return tmp_path


async def get(pages: Pages, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(pages), base_url="http://test") as client:
        return await client.get(path, headers=headers)


def test_the_paths_are_known_in_advance(static: Path) -> None:
    files = {"/static/index.html", "/static/docs.html", "/static/js/app.js"}
    assert Pages(static, STATUSES).paths == {"/", "/docs", "/docs.json", "/model", "/models", *files}


async def test_pages_and_assets_are_served_whole_and_revalidated(static: Path) -> None:
    pages = Pages(static, STATUSES)
    page = await get(pages, "/")
    assert (page.text, page.headers["cache-control"]) == ("index.html", "no-cache")
    assert (await get(pages, "/", **{"if-none-match": page.headers["etag"]})).status_code == 304
    asset = await get(pages, "/static/js/app.js", range="bytes=0-3")
    assert (asset.status_code, asset.text) == (200, "js/app.js")


@pytest.mark.parametrize("path", ["/model", "/models"])
async def test_the_models_are_not_ready_before_they_are_loaded(static: Path, path: str) -> None:
    response = await get(Pages(static, STATUSES), path)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "not_ready")


async def test_the_openapi_document_is_served(static: Path) -> None:
    assert (await get(Pages(static, STATUSES), "/docs.json")).json()["openapi"] == "3.1.0"
