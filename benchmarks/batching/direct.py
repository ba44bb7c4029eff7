"""The service without BentoML's dispatcher: `/ner` is not batchable."""

from __future__ import annotations

import bentoml

from ner_runtime.serving.api.messages import ApiRequest, ApiResponse
from ner_runtime.serving.api.requests import NerRequest
from service import EdgeService, HandlerOutput, Raner, ValidatedInput, settings


@bentoml.service(
    name="raner",
    service_class=EdgeService,
    workers=settings.workers,
    traffic={"timeout": settings.timeout_s},
    logging={"access": {"enabled": False}},
    http={"port": settings.port},
)
class Direct(Raner.inner):
    """`Raner` with an API that takes one request at a time."""

    @bentoml.api(route="/ner", input_spec=ValidatedInput, output_spec=HandlerOutput)
    async def ner(  # pyright: ignore[reportIncompatibleVariableOverride]
        self, requests: list[ApiRequest[NerRequest]]
    ) -> list[ApiResponse]:
        worker = self._worker  # pyright: ignore[reportPrivateUsage]
        return [await worker.model_slot(request.body.model).ner(request) for request in requests]
