"""The OpenAPI 3.1 description of the service, made from the schemas and the error table.

Source: https://spec.openapis.org/oas/v3.1.0.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from ner_runtime import __version__
from ner_runtime.serving.api.errors import STATUSES
from ner_runtime.serving.api.schemas import EntityItem, NerBatchRequest, NerRequest

_REF = "#/components/schemas/"
_DESCRIPTIONS = {
    400: "The body is not JSON in UTF-8.",
    401: "No API key, or a wrong one.",
    413: "The body, a text or the batch is larger than the limits that `/model` states.",
    415: "The body is not declared as `application/json`.",
    422: "A field is missing, unknown or not allowed.",
    429: "More requests than can be answered in time, or than this client may send. `Retry-After` says when to retry.",
    503: "The service is not ready. `Retry-After` says how long to wait.",
    504: "The service did not answer, or the body did not arrive, in time.",
}

_META = {
    "type": "object",
    "properties": {
        "model": {"type": "string"},
        "version": {"type": "string"},
        "precision": {"enum": ["int8", "fp32"]},
        "windows": {"type": "integer", "description": "Stretches that the text was read in."},
        "cached": {"type": "boolean"},
        "offset_unit": {"enum": ["code_point", "utf16"]},
        "timings_ms": {
            "type": "object",
            "properties": {name: {"type": "number"} for name in ("total", "queue", "inference")},
            "required": ["total", "queue", "inference"],
        },
    },
    "required": ["model", "version", "precision", "windows", "cached", "offset_unit", "timings_ms"],
}
_ERROR_ITEM = {
    "type": "object",
    "properties": {"code": {"enum": sorted(STATUSES)}, "message": {"type": "string"}},
    "required": ["code", "message"],
}


def openapi() -> dict[str, Any]:
    """The whole document."""
    _, definitions = models_json_schema(
        [(NerRequest, "validation"), (NerBatchRequest, "validation"), (EntityItem, "serialization")],
        ref_template=_REF + "{model}",
    )
    entities: dict[str, Any] = {"type": "array", "items": {"$ref": _REF + "EntityItem"}}
    errors = {"type": "object", "additionalProperties": {"$ref": _REF + "ErrorItem"}}
    schemas = {
        **definitions["$defs"],
        "Meta": _META,
        "ErrorItem": _ERROR_ITEM,
        "Error": _object(success={"const": False}, error={"$ref": _REF + "ErrorItem"}),
        "NerAnswer": _object(success={"const": True}, data=entities, meta={"$ref": _REF + "Meta"}),
        "NerBatchAnswer": _object(
            success={"const": True},
            data={"type": "array", "items": {"oneOf": [entities, {"type": "null"}]}},
            errors=errors,
            meta={"$ref": _REF + "Meta"},
        ),
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "RaNER Service",
            "version": __version__,
            "description": "People, places and organisations in Chinese text.",
        },
        "paths": {
            "/ner": {"post": _operation("Entities of a text", "ner", "NerRequest", "NerAnswer")},
            "/ner/batch": {"post": _operation("Entities of texts", "ner_batch", "NerBatchRequest", "NerBatchAnswer")},
            "/model": {"get": _page("The model that answers, its types and the limits", "model", "application/json")},
            "/livez": {"get": _page("Whether the process lives", "livez", "text/plain")},
            "/readyz": {"get": _page("Whether requests are answered", "readyz", "text/plain")},
            "/healthz": {"get": _page("The same as /livez", "healthz", "text/plain")},
            "/metrics": {"get": _page("Metrics for Prometheus", "metrics", "text/plain")},
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _content(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF + schema}}}


def _operation(summary: str, name: str, request: str, answer: str) -> dict[str, Any]:
    failures = {str(status): _failure(status) for status in _DESCRIPTIONS}
    return {
        "summary": summary,
        "operationId": name,
        "security": [{}, {"key": []}, {"header": []}],
        "requestBody": {"required": True, "content": _content(request)},
        "responses": {"200": {"description": "AccessRecord.", "content": _content(answer)}, **failures},
    }


def _page(summary: str, name: str, media_type: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "operationId": name,
        "responses": {
            "200": {"description": "AccessRecord.", "content": {media_type: {}}},
            "503": _failure(503),
        },
    }


def _failure(status: int) -> dict[str, Any]:
    failure: dict[str, Any] = {"description": _DESCRIPTIONS[status], "content": _content("Error")}
    if status in (429, 503):
        failure["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return failure
