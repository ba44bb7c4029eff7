"""The options of a run that its output depends on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

SHARD_RECORDS = 2048
SHARD_BYTES = 4 * 1024 * 1024
MAX_CHARS = 1_000_000


class OutputFormat(StrEnum):
    """Formats of the annotated parts."""

    JSONL = "jsonl"
    JSONL_GZ = "jsonl.gz"
    JSONL_ZST = "jsonl.zst"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model directory, lexicon files, and how to open the model.

    A run can be resumed only with the same `version`, and with lexicons of the same content (`Plan.lexicon`).
    """

    directory: str
    version: str
    engine: str = "onnxruntime"
    device: str = "cpu"
    threads: int = 1
    max_batch_tokens: int | None = None
    lexicons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The options of a run that its output depends on.

    Attributes:
        field: the field that holds the text
        types: entity types to return; None for the model's default types
        min_score: entities of the model with a lower score are left out
        lexicon: digest of the lexicons; None without any
        max_chars: largest length of a text, in characters; a longer text is a bad record
        shard_records, shard_bytes: limits of a shard, which ends with the record that reaches one of them
    """

    field: str = "text"
    types: tuple[str, ...] | None = None
    min_score: float = 0.0
    lexicon: str | None = None
    output_format: OutputFormat = OutputFormat.JSONL
    max_chars: int = MAX_CHARS
    shard_records: int = SHARD_RECORDS
    shard_bytes: int = SHARD_BYTES

    def as_json(self) -> dict[str, Any]:
        """Return the options as JSON values."""
        values = asdict(self)
        values["types"] = None if self.types is None else list(self.types)
        return values
