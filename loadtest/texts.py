"""The texts of the load test, written for it: what people send, from one character to a long document."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

TEXTS = Path(__file__).parent / "texts.jsonl"


class Sample(BaseModel):
    """A text. `names`: what nobody would miss in it, by type; `repeat`: how many times it is said over."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    kind: str
    text: str = Field(min_length=1)
    repeat: int = Field(default=1, ge=1)
    names: dict[str, list[str]] = Field(default_factory=dict)

    @property
    def whole(self) -> str:
        """The text as it is sent."""
        return self.text * self.repeat


@cache
def samples() -> tuple[Sample, ...]:
    """All texts, in the order of the file."""
    return tuple(Sample.model_validate_json(line) for line in TEXTS.read_bytes().splitlines())
