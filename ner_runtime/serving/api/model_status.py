"""The state behind `GET /model`: the served model and its last update. The worker updates it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from ner_runtime.serving.api.errors import NotReady
from ner_runtime.serving.api.responses import ModelDescription, ModelResponse, UpdateItem


class ModelStatus:
    """Holds the description and the last update of the model that this worker serves."""

    def __init__(self) -> None:
        self._description: ModelDescription | None = None
        self._update: UpdateItem | None = None

    @property
    def has_update(self) -> bool:
        """Whether an update was recorded."""
        return self._update is not None

    def set_model(self, description: ModelDescription) -> None:
        """Record the model that is served from now on."""
        self._description = description

    def set_update(self, state: Literal["done", "failed"], tag: str, reason: str | None = None) -> None:
        """Record the outcome of an update.

        Args:
            state: the outcome
            tag: the model to serve, as configured
            reason: why the update failed
        """
        time = datetime.now(UTC).isoformat(timespec="seconds")
        self._update = UpdateItem(state=state, tag=tag, reason=reason, time=time)

    def response(self) -> ModelResponse:
        """Return the body of `GET /model`.

        Raises:
            NotReady: no model is served yet.
        """
        if self._description is None:
            raise NotReady("the model is not loaded yet; try again shortly")
        fields = {name: getattr(self._description, name) for name in ModelDescription.model_fields}
        if self._update is not None:
            fields["update"] = self._update
        return ModelResponse(success=True, **fields)
