"""How BentoML passes a request in and an answer out: the edge has read the one, `answers.py` has written the other."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from bentoml import IODescriptor
from starlette.requests import Request
from starlette.responses import Response

from ner_runtime.errors import RanerError
from ner_runtime.serving.answering.handler import Answer
from ner_runtime.serving.api.errors import error_body, error_headers, status_of
from ner_runtime.serving.http.edge import OURS, PARSED, ApiRequest


class ParsedInput(IODescriptor):
    """The request that the edge has read, as a list of one, which is what BentoML makes batches of."""

    requests: list[Any]

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> ParsedInput:
        parsed = request.scope["state"][PARSED]
        assert isinstance(parsed, ApiRequest)  # noqa: S101 - nothing else is put there
        return cls.model_construct(requests=[parsed])


class AnswerOutput(IODescriptor):
    """The answer, as a list of one; it may still be on its way."""

    answers: list[Any]

    @classmethod
    async def to_http_response(cls, obj: Any, serde: Any) -> Response:
        [answer] = obj
        return _response(await answer if isinstance(answer, Awaitable) else answer)


def _response(answer: Answer) -> Response:
    if isinstance(answer, RanerError):
        headers = {**error_headers(answer), OURS: answer.code}
        return Response(error_body(answer), status_of(answer), headers, "application/json")
    return Response(answer, media_type="application/json")
