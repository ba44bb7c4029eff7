"""Annotate a shard: parse its records, find the entities, and return the rows to write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ner_runtime.corpus.plan import ModelChoice, OutputFormat, Plan
from ner_runtime.corpus.sources import LONGER, Fields, Record, Shard
from ner_runtime.entities import at_least
from ner_runtime.errors import InvalidLexicon, MalformedRequest
from ner_runtime.inference.engine import Device, EngineName
from ner_runtime.json import from_json, to_json
from ner_runtime.jsonl import entity_fields
from ner_runtime.lexicon.user.lexicon import Lexicon
from ner_runtime.lexicon.user.matches import LexiconSet
from ner_runtime.recognizer import Recognizer

ENTITIES = "entities"
# Texts that are recognized together: enough to fill batches of equal length, few enough to bound the memory. 256 texts
# take 1.1 to 1.2 times the CPU time of 2,048.
_TEXTS = 2048
_CHARS = 256_000
# Maximum number of characters of a bad record that are written to the file of bad records.
_SHOWN = 2000


@dataclass(frozen=True, slots=True)
class AnnotatedShard:
    """The annotated rows of a shard, in input order, and its bad records with the reasons."""

    rows: list[Fields]
    bad: list[Fields]
    entities: int
    chars: int


class BadRecord(ValueError):
    """A record that cannot be annotated; the message says why."""


class Annotator:
    """Annotates shards with one model. Each worker process has one annotator."""

    def __init__(self, model: ModelChoice, plan: Plan) -> None:
        """Open the model and the lexicons.

        Raises:
            InvalidLexicon: a lexicon cannot be read, or is not the one that the run was begun with.
        """
        self._plan = plan
        self._recognizer = Recognizer.open(
            model.directory,
            threads=model.threads,
            engine=cast("EngineName", model.engine),
            device=cast("Device", model.device),
            max_batch_tokens=model.max_batch_tokens,
        )
        self._lexicon = _open_lexicons(model, plan)

    def annotate(self, shard: Shard) -> AnnotatedShard:
        """Find the entities of each record of a shard."""
        rows: list[Fields] = []
        bad: list[Fields] = []
        for record in shard.records:
            try:
                rows.append(fields_of(record, shard.kind, self._plan))
            except BadRecord as error:
                bad.append(_report(shard, record, str(error)))
        entities = 0
        for group in _groups(rows, self._plan.field):
            texts = [row[self._plan.field] for row in group]
            recognized = self._recognizer.recognize(texts, self._plan.types, lexicon=self._lexicon)
            for row, found in zip(group, recognized, strict=True):
                kept = at_least(found, self._plan.min_score)
                row[ENTITIES] = [entity_fields(entity) for entity in kept]
                entities += len(kept)
        return AnnotatedShard(rows, bad, entities, sum(len(row[self._plan.field]) for row in rows))


def _open_lexicons(model: ModelChoice, plan: Plan) -> LexiconSet | None:
    if not model.lexicons:
        return None
    opened = LexiconSet(map(Lexicon.from_file, model.lexicons))
    # A file may have changed since the run began, or differ on another node of a cluster.
    if opened.digest != plan.lexicon:
        raise InvalidLexicon(f"{', '.join(model.lexicons)}: the content has changed since the run began")
    return opened


def fields_of(record: Record, kind: str, plan: Plan) -> Fields:
    """Return the fields of a record, including its text.

    Raises:
        BadRecord: the record cannot be read, or has no text.
    """
    content = record.content
    if not isinstance(content, bytes):
        fields = _row(content, kind)
    elif kind == "txt":
        fields = {plan.field: _decoded(content).rstrip("\r\n")}
    else:
        fields = _object(content)
    text = fields.get(plan.field)
    if not isinstance(text, str):
        found = "is missing" if plan.field not in fields else f"holds {type(text).__name__}, not a string"
        raise BadRecord(f"the field {plan.field!r} {found}")
    if len(text) > plan.max_chars:
        raise BadRecord(f"the text has {len(text)} characters; at most {plan.max_chars} are allowed")
    if plan.output_format is not OutputFormat.PARQUET:
        _check_json(fields)
    return fields


def _check_json(fields: Fields) -> None:
    """Check that JSON can hold the fields: Python reads 1e999 as infinity, and Parquet has more kinds of values.

    Raises:
        BadRecord: a value has no form in JSON.
    """
    try:
        to_json(fields)
    except ValueError:
        raise BadRecord("a number is infinite or not a number, which JSON does not have") from None
    except TypeError as error:
        raise BadRecord(f"{error}; use --format parquet") from None
    except RecursionError:
        raise BadRecord("nested too deeply") from None


def _row(content: Fields, kind: str) -> Fields:
    if kind == "csv":
        values = content.values()
        # csv.DictReader's marks for a row that is longer or shorter than the header.
        if LONGER in content or any(value is None for value in values):
            raise BadRecord(f"the row has {'more' if LONGER in content else 'fewer'} columns than the header")
        try:
            "".join(values).encode()
        except UnicodeEncodeError:
            raise BadRecord("not UTF-8") from None
    return dict(content)


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRecord(f"not UTF-8: byte {error.start} cannot be decoded") from None


def _object(line: bytes) -> Fields:
    try:
        value: Any = from_json(line)
    except MalformedRequest as error:
        raise BadRecord(error.message) from None
    if not isinstance(value, dict):
        raise BadRecord("not a JSON object")
    return cast("Fields", value)


def _groups(rows: Sequence[Fields], field: str) -> Iterator[list[Fields]]:
    group: list[Fields] = []
    chars = 0
    for row in rows:
        group.append(row)
        chars += len(row[field])
        if len(group) >= _TEXTS or chars >= _CHARS:
            yield group
            group, chars = [], 0
    if group:
        yield group


def _report(shard: Shard, record: Record, reason: str) -> Fields:
    content = record.content
    shown = content.decode("utf-8", "backslashreplace") if isinstance(content, bytes) else repr(content)
    return {"source": shard.source, "line": record.number, "reason": reason, "record": shown.rstrip("\r\n")[:_SHOWN]}
