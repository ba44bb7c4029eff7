"""The OpenAPI 3.1 document of the service, built from the request and response models and the error table.

Source: https://spec.openapis.org/oas/v3.1.0.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ner_runtime import __version__
from ner_runtime.serving.api.errors import STATUSES
from ner_runtime.serving.api.requests import NerBatchRequest, NerRequest, RedactRequest
from ner_runtime.serving.api.responses import (
    ErrorResponse,
    ModelResponse,
    ModelsResponse,
    NerBatchResponse,
    NerResponse,
    RedactResponse,
)

_REF = "#/components/schemas/"
_REQUESTS = (NerRequest, NerBatchRequest, RedactRequest)
_RESPONSES = (NerResponse, NerBatchResponse, RedactResponse, ModelResponse, ModelsResponse, ErrorResponse)
_DESCRIPTIONS = {
    400: "The body is not JSON in UTF-8.",
    401: "The API key is missing or wrong.",
    413: "The body, a text or the batch exceeds the limits that `GET /model` states.",
    415: "The body is not declared as `application/json`.",
    422: "A field is missing, unknown or has an invalid value.",
    429: "The service is overloaded, or the client exceeds its rate limit. `Retry-After` states when to retry.",
    503: "The service is not ready. `Retry-After` states when to retry.",
    504: "The body did not arrive in time, or the response was not ready in time.",
}


def openapi() -> dict[str, Any]:
    """Build the OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "RaNER Service",
            "version": __version__,
            "description": "Named-entity recognition for Chinese text: people, places and organisations.",
        },
        "paths": {
            "/ner": {"post": _post("Recognize the entities of a text", "ner", NerRequest, NerResponse)},
            "/ner/batch": {
                "post": _post("Recognize the entities of several texts", "ner_batch", NerBatchRequest, NerBatchResponse)
            },
            "/redact": {
                "post": _post("Replace the entities and numbers of a text", "redact", RedactRequest, RedactResponse)
            },
            "/model": {"get": _get("The default model, its types and the limits", "model", _json(ModelResponse))},
            "/models": {"get": _get("All models of the service", "models", _json(ModelsResponse))},
            "/livez": {"get": _get("Whether the process is alive", "livez", _text())},
            "/readyz": {"get": _get("Whether the service accepts requests", "readyz", _text())},
            "/healthz": {"get": _get("The same as /livez", "healthz", _text())},
            "/metrics": {"get": _get("Metrics in the Prometheus format", "metrics", _text())},
        },
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _schemas() -> dict[str, Any]:
    _, definitions = models_json_schema(
        [
            *((model, "validation") for model in _REQUESTS),
            *((model, "serialization") for model in _RESPONSES),
        ],
        ref_template=_REF + "{model}",
    )
    schemas: dict[str, Any] = definitions["$defs"]
    schemas["ErrorItem"]["properties"]["code"]["enum"] = sorted(STATUSES)
    return schemas


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF + model.__name__}}}


def _text() -> dict[str, Any]:
    return {"text/plain": {"schema": {"type": "string"}}}


def _post(summary: str, name: str, request: type[BaseModel], response: type[BaseModel]) -> dict[str, Any]:
    errors = {str(status): _error(status) for status in _DESCRIPTIONS}
    return {
        "summary": summary,
        "operationId": name,
        "security": [{}, {"key": []}, {"header": []}],
        "requestBody": {"required": True, "content": _json(request)},
        "responses": {"200": {"description": "Success.", "content": _json(response)}, **errors},
    }


def _get(summary: str, name: str, content: dict[str, Any]) -> dict[str, Any]:
    return {
        "summary": summary,
        "operationId": name,
        "responses": {"200": {"description": "Success.", "content": content}, "503": _error(503)},
    }


def _error(status: int) -> dict[str, Any]:
    error: dict[str, Any] = {"description": _DESCRIPTIONS[status], "content": _json(ErrorResponse)}
    if status in (429, 503):
        error["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return error
