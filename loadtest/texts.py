"""Load the texts of the load test: typical user texts, from one character to a long document.

They were written for this purpose.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

TEXTS = Path(__file__).parent / "texts.jsonl"


class Sample(BaseModel):
    """A text of the load test.

    `names`: entities that a model must find, by type; `repeat`: how many copies of `text` are sent as one text.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    kind: str
    text: str = Field(min_length=1)
    repeat: int = Field(default=1, ge=1)
    names: dict[str, list[str]] = Field(default_factory=dict)

    @property
    def full_text(self) -> str:
        """The text as it is sent: `repeat` copies of `text`."""
        return self.text * self.repeat


@cache
def samples() -> tuple[Sample, ...]:
    """Return all texts, in the order of `texts.jsonl`."""
    return tuple(Sample.model_validate_json(line) for line in TEXTS.read_bytes().splitlines())
