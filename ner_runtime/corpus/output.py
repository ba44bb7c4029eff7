"""The output directory of a run: parts, bad records, completion markers.

    OUTPUT/part-00000-000000.jsonl     the annotated records of a shard
    OUTPUT/bad/00000-000000.jsonl      its bad records, if it has any: source, line, reason, record
    OUTPUT/_done/00000-000000.json     its completion marker, written last
    OUTPUT/_plan.json                  the input, the model and the options of the run
    OUTPUT/_SUCCESS                    the totals, written when all shards are complete

Each file is written under a temporary name and renamed, so that it is complete or absent if the writer is killed. A
shard without a marker is annotated again, which writes the same files.
"""

from __future__ import annotations

import fcntl
import gzip
import io
import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ner_runtime.atomic_files import write_atomically
from ner_runtime.corpus.annotator import ENTITIES, AnnotatedShard
from ner_runtime.corpus.columns import read_schema
from ner_runtime.corpus.plan import ModelChoice, OutputFormat, Plan
from ner_runtime.corpus.sources import Fields, Source, parquet_module, zstandard_module
from ner_runtime.errors import InputError
from ner_runtime.json import to_json

PLAN_FILE = "_plan.json"
SUCCESS_FILE = "_SUCCESS"
_LOCK_FILE = "_lock"
_ZSTD_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of a shard, or of a run."""

    records: int = 0
    bad: int = 0
    entities: int = 0
    chars: int = 0

    def __add__(self, other: Totals) -> Totals:
        """Return the sum of both."""
        return Totals(
            self.records + other.records,
            self.bad + other.bad,
            self.entities + other.entities,
            self.chars + other.chars,
        )


class Output:
    """The output directory of a run. Several processes may write to it, each with its own shards."""

    def __init__(self, directory: Path, output_format: OutputFormat, schema: bytes | None = None) -> None:
        """Set the directory and the format; `schema` is the serialized Arrow schema of a Parquet input."""
        self.directory = directory
        self._format = output_format
        self._schema = schema

    def begin(self, sources: Sequence[Source], plan: Plan, model: ModelChoice, *, resume: bool) -> None:
        """Prepare the directory for a new or resumed run.

        Raises:
            InputError: the directory is not empty and the run is not resumed, the run was begun with other input,
                options or another model, or its plan is damaged.
        """
        begun = _run(sources, plan, model)
        file = self.directory / PLAN_FILE
        if file.exists():
            if not resume:
                raise InputError(f"{self.directory} holds a run; resume it with --resume, or choose another directory")
            try:
                resumed = json.loads(file.read_bytes())
            except ValueError:
                raise InputError(f"{file} is damaged, so the run cannot be resumed; choose another directory") from None
            if resumed != begun:
                raise InputError(f"{self.directory} was begun with other input, options or another model")
        elif self.directory.exists() and any(not _is_temporary(one.name) for one in self.directory.iterdir()):
            raise InputError(f"{self.directory} is not empty")
        self.directory.mkdir(parents=True, exist_ok=True)
        write_atomically(file, to_json(begun))

    @contextmanager
    def locked(self) -> Generator[None]:
        """Lock the directory for one run, and delete the temporary files of an interrupted run.

        Raises:
            InputError: another run has locked the directory.
        """
        with (self.directory / _LOCK_FILE).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"another run writes to {self.directory}") from None
            for left in self.directory.rglob(".*-*"):
                left.unlink()
            yield

    def completed(self) -> dict[str, Totals]:
        """Return the totals of each complete shard, by the name of the shard."""
        markers = sorted((self.directory / "_done").glob("*.json"))
        return {marker.stem: Totals(**json.loads(marker.read_bytes())) for marker in markers}

    def write(self, name: str, annotated: AnnotatedShard) -> Totals:
        """Write the files of a shard, the completion marker last."""
        totals = Totals(len(annotated.rows), len(annotated.bad), annotated.entities, annotated.chars)
        write_atomically(self.directory / f"part-{name}.{self._format}", self._encoded(annotated.rows))
        if annotated.bad:
            write_atomically(self.directory / "bad" / f"{name}.jsonl", _json_lines(annotated.bad))
        write_atomically(self.directory / "_done" / f"{name}.json", to_json(asdict(totals)))
        return totals

    def finish(self) -> Totals:
        """Write the totals of the whole run, and return them."""
        totals = sum(self.completed().values(), Totals())
        write_atomically(self.directory / SUCCESS_FILE, to_json(asdict(totals)))
        return totals

    def _encoded(self, rows: list[Fields]) -> bytes:
        match self._format:
            case OutputFormat.JSONL:
                return _json_lines(rows)
            case OutputFormat.JSONL_GZ:
                # Without a timestamp, the same rows always give the same bytes.
                return gzip.compress(_json_lines(rows), compresslevel=6, mtime=0)
            case OutputFormat.JSONL_ZST:
                return zstandard_module().ZstdCompressor(level=_ZSTD_LEVEL).compress(_json_lines(rows))
            case OutputFormat.PARQUET:
                return _parquet(rows, self._schema)


def parquet_schema(sources: Sequence[Source]) -> bytes:
    """Return the schema that all Parquet inputs share, serialized.

    Raises:
        InputError: an input is not Parquet or cannot be read, or their schemas differ.
    """
    schemas: list[Any] = []
    for source in sources:
        if source.kind != "parquet":
            raise InputError(f"{source.path}: Parquet output needs Parquet input")
        schemas.append(read_schema(source))
        if not schemas[0].equals(schemas[-1]):
            raise InputError(f"{source.path}: its schema differs from that of {sources[0].path}")
    return schemas[0].serialize().to_pybytes()


def _run(sources: Sequence[Source], plan: Plan, model: ModelChoice) -> dict[str, Any]:
    files = [[source.name, source.size] for source in sources]
    return {"input": files, "model": model.version, "plan": plan.as_json()}


def _is_temporary(name: str) -> bool:
    """Return whether a file is the temporary file of a plan, left by a run that was killed while it wrote the plan."""
    return name.startswith(f".{PLAN_FILE}-")


def _json_lines(rows: Sequence[Fields]) -> bytes:
    return b"".join(to_json(row) + b"\n" for row in rows)


def _parquet(rows: list[Fields], serialized: bytes | None) -> bytes:
    import pyarrow as pa

    schema: Any = pa.ipc.read_schema(pa.py_buffer(serialized))
    item = {
        "type": pa.string(),
        "span": pa.string(),
        "start": pa.int32(),
        "end": pa.int32(),
        "score": pa.float32(),
        "source": pa.string(),
    }
    if ENTITIES in schema.names:
        schema = schema.remove(schema.get_field_index(ENTITIES))
    schema = schema.append(pa.field(ENTITIES, pa.list_(pa.struct(list(item.items())))))
    buffer = io.BytesIO()
    parquet_module().write_table(pa.Table.from_pylist(rows, schema=schema), buffer, compression="zstd")
    return buffer.getvalue()
