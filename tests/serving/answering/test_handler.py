"""The handler with the real model and without a server."""

from __future__ import annotations

import asyncio
import json
from time import perf_counter

import pytest

from ner_runtime import Recognizer
from ner_runtime.errors import InvalidValue, UnknownType
from ner_runtime.serving.answering.cache import Cache, TextResult
from ner_runtime.serving.answering.handler import Handler, until
from ner_runtime.serving.answering.scheduler import Scheduler
from ner_runtime.serving.api.errors import ClientGone
from ner_runtime.serving.api.messages import ApiRequest
from ner_runtime.serving.api.requests import NerBatchRequest, NerRequest, RedactRequest, RequestLimits
from ner_runtime.serving.api.responses import NerBatchResponse, NerResponse, RedactResponse
from tests.support.texts.examples import EXAMPLE, EXAMPLE_SPANS, spans

pytestmark = pytest.mark.anyio


@pytest.fixture
def handler(recognizer: Recognizer) -> Handler:
    return Handler(Scheduler(recognizer), RequestLimits(1000, 10), Cache(None), engine="onnxruntime")


async def test_a_response_has_the_entities_and_notes_for_the_log(handler: Handler) -> None:
    request = ApiRequest(NerRequest(text=EXAMPLE), perf_counter())
    body = await handler.ner(request)
    NerResponse.model_validate_json(body)
    assert spans(json.loads(body)["data"]) == EXAMPLE_SPANS
    assert (request.notes["texts"], request.notes["chars"], request.notes["cached"]) == (1, len(EXAMPLE), False)


async def test_only_the_requested_types_are_returned(handler: Handler) -> None:
    body = await handler.ner(ApiRequest(NerRequest(text=EXAMPLE, types=["PER"]), perf_counter()))
    assert spans(json.loads(body)["data"]) == [span for span in EXAMPLE_SPANS if span[0] == "PER"]
    with pytest.raises(UnknownType):
        await handler.ner(ApiRequest(NerRequest(text=EXAMPLE, types=["DOG"]), perf_counter()))


async def test_entities_below_the_minimum_score_are_left_out(handler: Handler) -> None:
    every = json.loads(await handler.ner(ApiRequest(NerRequest(text=EXAMPLE), perf_counter())))["data"]
    highest = max(entity["score"] for entity in every)
    request = ApiRequest(NerRequest(text=EXAMPLE, min_score=highest - 1e-6), perf_counter())
    kept = json.loads(await handler.ner(request))["data"]
    assert kept
    assert len(kept) < len(every)
    assert all(entity["source"] == "model" for entity in kept)


async def test_an_invalid_text_of_a_batch_does_not_affect_the_others(handler: Handler) -> None:
    texts = [EXAMPLE, "", 7, "长" * 1001, "没有"]
    body = await handler.ner_batch(ApiRequest(NerBatchRequest(texts=texts), perf_counter()))
    response = NerBatchResponse.model_validate_json(body)
    assert spans(json.loads(body)["data"][0]) == EXAMPLE_SPANS
    assert response.data[1:] == [None, None, None, []]
    codes = {index: error.code for index, error in response.errors.items()}
    assert codes == {"1": "empty_text", "2": "invalid_value", "3": "text_too_long"}


async def test_a_redaction_has_the_text_and_its_replacements(handler: Handler) -> None:
    request = ApiRequest(RedactRequest(text=f"{EXAMPLE}电话13800138000", types=["PER"]), perf_counter())
    response = RedactResponse.model_validate_json(await handler.redact(request))
    assert response.data.text == f"{EXAMPLE}电话<PHONE_1>".replace("马云", "<PER_1>")
    assert [(one.span, one.source) for one in response.data.replacements] == [
        ("马云", "model"),
        ("13800138000", "pattern"),
    ]
    assert (request.notes["texts"], request.notes["replacements"]) == (1, 2)


async def test_types_with_an_operator_are_replaced_besides_the_default_types(handler: Handler) -> None:
    text = "马云1999年在杭州。"
    body = RedactRequest.model_validate({"text": text, "operators": {"TIME": {"type": "remove"}}})
    response = RedactResponse.model_validate_json(await handler.redact(ApiRequest(body, perf_counter())))
    assert response.data.text == "<PER_1>在<LOC_1>。"


@pytest.mark.parametrize(
    ("operators", "error"), [({"DOG": {"type": "mask"}}, UnknownType), ({"PER": {"type": "hash"}}, InvalidValue)]
)
async def test_an_operator_that_cannot_be_used_is_refused(
    handler: Handler, operators: dict[str, object], error: type[Exception]
) -> None:
    body = RedactRequest.model_validate({"text": EXAMPLE, "operators": operators})
    with pytest.raises(error):
        await handler.redact(ApiRequest(body, perf_counter()))


async def test_a_request_whose_client_has_disconnected_is_abandoned(handler: Handler) -> None:
    disconnected = asyncio.get_running_loop().create_future()
    disconnected.set_result(None)
    with pytest.raises(ClientGone):
        await handler.ner(ApiRequest(NerRequest(text=EXAMPLE), perf_counter(), disconnected))


async def test_a_client_that_disconnects_as_its_results_arrive_cancels_nothing_else() -> None:
    disconnected = asyncio.get_running_loop().create_future()

    async def results() -> list[TextResult]:
        # From now on, the callback of the disconnection is scheduled.
        disconnected.set_result(None)
        return []

    assert await until(disconnected, results()) == []
    await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
