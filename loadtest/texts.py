"""Load the texts of the load test: typical user texts, from one character to a long document.

They were written for this purpose. The tuner also reads files of the user's own.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ner_runtime.errors import InputError
from ner_runtime.jsonl import read_texts

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


def read_samples(path: str) -> tuple[Sample, ...]:
    """Read the texts of a file: one per line, plain or as JSON objects with a field `text`. Empty lines are skipped.

    Raises:
        InputError: the file cannot be read, a line is not valid, or there is no text.
    """
    texts = [item.text for batch in read_texts(path) for item in batch if item.text.strip()]
    if not texts:
        raise InputError(f"{path} contains no text")
    return tuple(Sample(kind="file", text=text) for text in texts)
