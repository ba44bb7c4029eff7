"""The state behind `GET /model` and `GET /models`: each served model and its last update. The worker updates it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from ner_runtime.serving.api.errors import NotReady
from ner_runtime.serving.api.lexicon_status import LexiconStatus
from ner_runtime.serving.api.responses import (
    ModelDescription,
    ModelItem,
    ModelResponse,
    ModelsResponse,
    UpdateItem,
)


class ModelStatus:
    """Holds the description and the last update of a model that this worker serves."""

    def __init__(self, lexicons: LexiconStatus | None = None) -> None:
        """`lexicons`: the status of the named lexicons, shared by all models."""
        self._lexicons = lexicons or LexiconStatus()
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
        return ModelResponse(success=True, **self._fields())

    def item(self, name: str) -> ModelItem:
        """Return the item of `GET /models` for the model with this name.

        Raises:
            NotReady: no model is served yet.
        """
        return ModelItem(id=name, **self._fields())

    def _fields(self) -> dict[str, Any]:
        if self._description is None:
            raise NotReady("the model is not loaded yet; try again shortly")
        fields = {name: getattr(self._description, name) for name in ModelDescription.model_fields}
        fields["lexicons"] = self._lexicons.items()
        return fields if self._update is None else fields | {"update": self._update}


def models_response(statuses: Mapping[str, ModelStatus]) -> ModelsResponse:
    """Return the body of `GET /models` from the status of each model by name; the first is the default model.

    Raises:
        NotReady: a model is not loaded yet.
    """
    items = [status.item(name) for name, status in statuses.items()]
    return ModelsResponse(success=True, default=items[0].id, models=items)
