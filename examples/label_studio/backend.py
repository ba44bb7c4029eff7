"""A machine-learning backend for Label Studio that gets its predictions from a running RaNER Service.

    python examples/label_studio/backend.py --raner http://localhost:3000 --port 9090

Then add http://localhost:9090 under Settings > Model in Label Studio. The labelling interface needs a `Labels` tag
whose `toName` is the name of a `Text` tag. Its labels must be entity types of the model; other types are left out.

Source: https://labelstud.io/guide/ml_create (routes and formats).
"""

from __future__ import annotations

import argparse
import contextlib
import xml.etree.ElementTree as ElementTree
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

TEXTS_AT_ONCE = 64


@dataclass(frozen=True)
class Interface:
    """The names that a labelling interface defines.

    Attributes:
        labels_tag: name of the `Labels` tag
        text_tag: name of the `Text` tag
        field: field of a task's data that contains the text
        labels: labels of the `Labels` tag
    """

    labels_tag: str
    text_tag: str
    field: str
    labels: frozenset[str]

    @classmethod
    def parse(cls, config: str) -> Interface:
        """Read a labelling interface.

        Raises:
            ValueError: the interface has no `Labels` tag whose `toName` is the name of a `Text` tag.
        """
        # The XML comes from the Label Studio server that the operator has configured; the parser does not expand
        # external entities.
        root = ElementTree.fromstring(config)  # noqa: S314
        texts = {text.get("name"): text for text in root.iter("Text")}
        for labels in root.iter("Labels"):
            text = texts.get(labels.get("toName"))
            if text is not None:
                names = frozenset(label.get("value", "") for label in labels.iter("Label"))
                field = text.get("value", "").removeprefix("$")
                return cls(labels.get("name", ""), text.get("name", ""), field, names)
        raise ValueError("the labelling interface has no Labels tag over a Text tag")


def prediction(interface: Interface, entities: list[dict[str, Any]], version: str) -> dict[str, Any]:
    """Return a task's prediction in Label Studio's format. Offsets are in UTF-16 code units."""
    results = [
        {
            "id": f"raner-{number}",
            "from_name": interface.labels_tag,
            "to_name": interface.text_tag,
            "type": "labels",
            "score": entity["score"],
            "value": {
                "start": entity["start_offset"],
                "end": entity["end_offset"],
                "text": entity["span"],
                "labels": [entity["type"]],
            },
        }
        for number, entity in enumerate(entities)
        if entity["type"] in interface.labels
    ]
    scores = [result["score"] for result in results]
    return {"model_version": version, "score": min(scores, default=1.0), "result": results}


def application(raner: str, headers: dict[str, str] | None = None) -> Starlette:
    """Return the ASGI application of the backend; it sends requests to the service at the URL `raner`."""
    client = httpx.AsyncClient(base_url=raner, headers=headers, timeout=100, trust_env=False)

    async def health(_: Request) -> JSONResponse:
        ready = await client.get("/readyz")
        status = "UP" if ready.is_success else "DOWN"
        return JSONResponse({"status": status, "model_class": "RaNER"}, 200 if ready.is_success else 503)

    async def setup(_: Request) -> JSONResponse:
        model = (await client.get("/model")).json()
        return JSONResponse({"model_version": model["version"]})

    async def predict(request: Request) -> JSONResponse:
        body = await request.json()
        try:
            interface = Interface.parse(body["label_config"])
            texts = [task["data"][interface.field] for task in body["tasks"]]
        except (KeyError, ValueError, ElementTree.ParseError) as error:
            return JSONResponse({"detail": f"cannot be predicted: {error}"}, 400)
        predictions: list[dict[str, Any]] = []
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            asked = {"texts": texts[start : start + TEXTS_AT_ONCE], "offset_unit": "utf16"}
            answer = (await client.post("/ner/batch", json=asked)).raise_for_status().json()
            version = answer["meta"]["version"]
            predictions += [prediction(interface, entities or [], version) for entities in answer["data"]]
        return JSONResponse({"results": predictions})

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with client:
            yield

    routes = [
        Route("/", health),
        Route("/health", health),
        Route("/setup", setup, methods=["POST"]),
        Route("/predict", predict, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def main() -> None:
    """Serve the backend."""
    parser = argparse.ArgumentParser(description="A machine-learning backend for Label Studio.")
    parser.add_argument("--raner", default="http://localhost:3000", help="URL of the service.")
    parser.add_argument("--api-key", help="API key, if the service requires one.")
    parser.add_argument("--host", default="127.0.0.1", help="The address to listen on.")
    parser.add_argument("--port", type=int, default=9090, help="The port to listen on.")
    options = parser.parse_args()
    headers = {"Authorization": f"Bearer {options.api_key}"} if options.api_key else None
    uvicorn.run(application(options.raner, headers), host=options.host, port=options.port)


if __name__ == "__main__":
    main()
