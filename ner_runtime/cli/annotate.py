"""`raner annotate`: annotate whole corpora in shards; an interrupted run can be resumed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ner_runtime.cli.console import ModelOption
from ner_runtime.cli.lexicon import LexiconOption, read_lexicons
from ner_runtime.corpus.annotator import ENTITIES
from ner_runtime.corpus.columns import check_columns
from ner_runtime.corpus.local import annotate_here, annotate_in_processes
from ner_runtime.corpus.output import Output, Totals, parquet_schema
from ner_runtime.corpus.plan import MAX_CHARS, SHARD_RECORDS, ModelChoice, OutputFormat, Plan
from ner_runtime.corpus.sources import Shard, Source, check_apart, find_sources, read_shards
from ner_runtime.cpus import available_cpus
from ner_runtime.errors import UnknownType
from ner_runtime.lexicon.user.matches import LexiconSet
from ner_runtime.manifest import read_manifest
from ner_runtime.models.registry.resolve import resolve_model
from ner_runtime.settings import load_settings


class CorpusEngine(StrEnum):
    """Where `raner annotate` runs: on this machine or on a Ray cluster."""

    LOCAL = "local"
    RAY = "ray"


def annotate(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A file, or a directory of files.")],
    target: Annotated[Path, typer.Argument(metavar="OUTPUT", help="The directory to write to.")],
    model: ModelOption = None,
    engine: Annotated[CorpusEngine, typer.Option(help="Run on this machine or on Ray.")] = CorpusEngine.LOCAL,
    workers: Annotated[int, typer.Option(min=1, help="Number of processes.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted run.")] = False,
    field: Annotated[str, typer.Option(help="The field or column that holds the text.")] = "text",
    types: Annotated[str | None, typer.Option(help="Entity types to return, separated by commas.")] = None,
    min_score: Annotated[float, typer.Option(min=0, max=1, help="Leave out entities with a lower score.")] = 0.0,
    lexicon: LexiconOption = None,
    max_chars: Annotated[int, typer.Option(min=1, help="Maximum length of a text, in code points.")] = MAX_CHARS,
    shard_records: Annotated[
        int, typer.Option(min=1, help="Records per shard. Resuming repeats at most one shard per process.")
    ] = SHARD_RECORDS,
    output_format: Annotated[
        OutputFormat, typer.Option("--format", help="The format of the output.")
    ] = OutputFormat.JSONL,
    ray_address: Annotated[
        str | None, typer.Option(help="Address of a Ray cluster; by default, start one here.")
    ] = None,
) -> None:
    """Annotate files of texts: JSON lines, plain text, CSV or Parquet. Other fields are kept."""
    if field == ENTITIES:
        raise typer.BadParameter(f"the output has the entities in the field {ENTITIES}", param_hint="--field")
    check_apart(source, target)
    lexicons = read_lexicons(lexicon)
    choice = _choose_model(model, workers, lexicon)
    plan = Plan(
        field=field,
        types=_wanted(types, choice, lexicons),
        min_score=min_score,
        lexicon=lexicons and lexicons.digest,
        output_format=output_format,
        max_chars=max_chars,
        shard_records=shard_records,
    )
    sources = find_sources(source.absolute())
    check_columns(sources, output_format)
    schema = parquet_schema(sources) if output_format is OutputFormat.PARQUET else None
    output = Output(target.absolute(), output_format, schema)
    output.begin(sources, plan, choice, resume=resume)
    with output.locked():
        done = output.completed()
        if engine is CorpusEngine.RAY:
            from ner_runtime.corpus.ray_engine import annotate_on_ray

            totals = annotate_on_ray(
                sources, output, plan, choice, workers=workers, address=ray_address, done=frozenset(done)
            )
            _show(totals, done, None)
        else:
            with _progress() as progress:
                shards = _Shards(sources, plan, frozenset(done), progress)
                totals = (
                    annotate_here(shards, output, plan, choice)
                    if workers == 1
                    else annotate_in_processes(shards, output, plan, choice, workers)
                )
                _show(totals, done, shards)
        total = output.finish()
    typer.echo(
        f"raner: {total.records} records, {total.entities} entities, {total.bad} bad records"
        + (f"; see {target / 'bad'}" if total.bad else ""),
        err=True,
    )


class _Shards:
    """Yields the shards that are not complete, and shows a progress bar over the bytes of the input."""

    def __init__(self, sources: list[Source], plan: Plan, done: frozenset[str], progress: Progress) -> None:
        self._sources, self._plan, self._done, self._progress = sources, plan, done, progress
        self._task = progress.add_task("", total=sum(source.size for source in sources), records=0, rate="")

    def __iter__(self) -> Iterator[Shard]:
        before = 0
        for source in self._sources:
            for shard in read_shards(source, self._plan):
                if shard.name not in self._done:
                    yield shard
                self._progress.update(self._task, completed=before + shard.position)
            before += source.size

    def note(self, records: int) -> None:
        """Show how many records this run has annotated."""
        elapsed = self._progress.tasks[self._task].elapsed or 0
        rate = f"{records / elapsed:.0f} records/s" if elapsed else ""
        self._progress.update(self._task, records=records, rate=rate)


def _show(totals: Iterable[Totals], done: dict[str, Totals], shards: _Shards | None) -> None:
    """Run all shards and show the progress."""
    if done:
        typer.echo(f"raner: {len(done)} shards are complete already", err=True)
    records = 0
    for one in totals:
        records += one.records
        if shards is not None:
            shards.note(records)


def _progress() -> Progress:
    columns = (
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[records]} records"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    terminal = Console(stderr=True)
    return Progress(*columns, console=terminal, disable=not terminal.is_terminal)


def _choose_model(model: str | None, workers: int, lexicons: Iterable[Path] | None) -> ModelChoice:
    settings = load_settings()
    directory = resolve_model(model or settings.default_model)
    return ModelChoice(
        directory=str(directory),
        version=read_manifest(directory).version,
        # A calibration applies to this machine only; the workers may run on other machines.
        engine="onnxruntime" if settings.engine == "auto" else settings.engine,
        device=settings.device,
        threads=settings.threads or max(1, available_cpus() // workers),
        max_batch_tokens=settings.max_batch_tokens or None,
        lexicons=tuple(str(file.absolute()) for file in lexicons or ()),
    )


def _wanted(types: str | None, model: ModelChoice, lexicons: LexiconSet | None) -> tuple[str, ...] | None:
    if types is None:
        return None
    wanted = tuple(type_.strip() for type_ in types.split(","))
    known = dict.fromkeys([*read_manifest(Path(model.directory)).types, *(lexicons.types if lexicons else ())])
    for type_ in wanted:
        if type_ not in known:
            raise UnknownType(f"unknown entity type {type_!r}; known: {', '.join(known)}")
    return wanted
