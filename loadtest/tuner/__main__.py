"""Find the best settings for this machine: `make tune`, or `python -m loadtest.tuner`.

Exit status: 0 if a candidate met the goal, 1 if none did or the measurement failed, 2 for wrong usage, 130 if
interrupted; the same command then resumes it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from loadtest.run import REPORTS, check_report, report_file, report_option, report_path, require_locust
from loadtest.texts import read_samples
from loadtest.tuner.candidates import ENGINES, candidates, installed_engines
from loadtest.tuner.decisions.choice import best_trial
from loadtest.tuner.load import GeneratorFailed
from loadtest.tuner.output.env_file import check_env, write_env
from loadtest.tuner.output.report import recommended_variables, table, write_reports
from loadtest.tuner.output.time_left import seconds_left
from loadtest.tuner.tuner import Tuner
from loadtest.tuner.tuning import Plan, Tuning, load_tuning
from ner_runtime.cpus import available_cpus
from ner_runtime.errors import InputError

CHECKPOINT = REPORTS / "tune.checkpoint.json"
QUICK_BUDGET_S = 150.0
"""Budget of the searches with `--quick`; the comparison of the best candidates comes after them."""
# They do not change what is measured, or the tuner sets them itself.
_NOT_CONDITIONS = {"RANER_PORT", "RANER_API_KEY", "RANER_API_KEYS", "RANER_WORKERS", "RANER_THREADS", "RANER_ENGINE"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the candidates, write the reports and the settings, and return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    require_locust()
    plan = _plan(parser, options)
    checkpoint = Path(options.checkpoint)
    report = options.report or report_path("tune-")
    env = Path(options.env) if options.env else report_file(report, ".env")
    _check_outputs(parser, checkpoint, report, env)
    tuning = None if options.fresh else load_tuning(checkpoint, plan)
    if tuning:
        runs = sum(len(trial.runs) for trial in tuning.trials)
        print(f"resuming the tuning of {tuning.started}: {runs} runs are done; --fresh starts over", flush=True)
    tuning = tuning or Tuning(plan=plan, started=time.strftime("%Y-%m-%d %H:%M"))
    _measure(tuning, checkpoint)
    machine = machine_facts()
    write_reports(report, tuning, machine)
    _print(tuning, report, machine)
    best = best_trial(tuning)
    if best is None:
        checkpoint.unlink(missing_ok=True)
        print(f"tune: no candidate keeps P99 within {plan.goal_ms:g} ms; see the report", file=sys.stderr)
        return 1
    variables = recommended_variables(best, tuning)
    try:
        write_env(env, variables)
    except OSError as error:
        print(f"tune: {env} cannot be written: {error.strerror}; the report is {report}", file=sys.stderr)
        return 1
    # Not before: a file that cannot be written must not cost the measurements.
    checkpoint.unlink(missing_ok=True)
    print("\n".join(f"{name}={value}" for name, value in variables.items()))
    return 0


def machine_facts() -> dict[str, Any]:
    """Return the processor, the usable CPUs and the versions that the results depend on."""
    name = platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        # Not Linux, or a processor without a name.
        pass
    return {"processor": name, "CPUs": available_cpus(), "Python": platform.python_version()}


def _check_outputs(parser: argparse.ArgumentParser, checkpoint: Path, report: Path, env: Path) -> None:
    """Exit if a file cannot be written: an error after the measurements would cost them."""
    file = checkpoint
    try:
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=checkpoint.parent).close()
        file = report
        check_report(report)
        file = env
        check_env(env)
    except OSError as error:
        parser.error(f"{file} cannot be written: {error.strerror}")
    except UnicodeDecodeError:
        parser.error(f"{file} is not UTF-8; save it as UTF-8, or choose another file with --env")


def _measure(tuning: Tuning, checkpoint: Path) -> None:
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}")
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("tuning", left="")

        def report(line: str) -> None:
            done = sum(trial.wall_s for trial in tuning.trials)
            left = seconds_left(tuning)
            progress.update(task, completed=done, total=done + left, left=f"about {_minutes(left)} left")
            progress.console.print(line, markup=False, highlight=False)

        Tuner(tuning, checkpoint, report).run()


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _print(tuning: Tuning, report: Path, machine: dict[str, Any]) -> None:
    head, *rows = table(tuning)
    *columns, _ = head
    shown = Table(*columns, title=f"{machine['processor']}, {machine['CPUs']} CPUs; goal {tuning.plan.goal_ms:g} ms")
    for *figures, _ in rows:
        shown.add_row(*figures)
    Console().print(shown)
    for name, *_, sure in rows:
        print(f"{name}: {sure}")
    if tuning.not_compared:
        print(f"no comparison side by side: {tuning.not_compared}")
    print(f"report: {report}.html .json .csv")


def _plan(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Plan:
    engines: list[str] = options.engines
    if missing := [engine for engine in engines if engine not in installed_engines()]:
        parser.error(f"the engine {missing[0]} is not installed")
    if options.texts:
        try:
            read_samples(options.texts)
        except InputError as error:
            parser.error(str(error))
    cpus = available_cpus()
    conditions = {name: os.environ[name] for name in os.environ if name.startswith("RANER_")}
    conditions = {name: value for name, value in conditions.items() if name not in _NOT_CONDITIONS}
    quick = options.quick
    seconds = options.seconds
    return Plan(
        goal_ms=options.goal_ms,
        resolution=0.1 if quick else 0.05,
        requests=600 if quick else 2000,
        least_s=seconds or (3 if quick else 8),
        most_s=seconds or (6 if quick else 30),
        warm_s=min(seconds or 3, 2 if quick else 5),
        round_s=min(seconds or 4, 1.5 if quick else 4),
        budget_s=options.budget or (QUICK_BUDGET_S if quick else None),
        texts=str(Path(options.texts).resolve()) if options.texts else None,
        cpus=cpus,
        candidates=candidates(cpus, engines, options.workers, options.threads),
        # A digest, because a setting may hold a password.
        conditions={name: hashlib.sha256(value.encode()).hexdigest()[:12] for name, value in conditions.items()},
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tune", description="Find the workers, threads and engine with the highest rate that meets a latency goal."
    )
    parser.add_argument("--goal-ms", type=_positive, default=500.0, help="Highest P99 latency, in milliseconds.")
    parser.add_argument("--quick", action="store_true", help="A coarse result in less than five minutes.")
    parser.add_argument("--texts", help="A file with your own texts, one per line, plain or as JSON with `text`.")
    parser.add_argument("--env", help="The .env file to write; by default one next to the report.")
    parser.add_argument("--workers", type=_counts, default=[], help="Numbers of workers to try, such as 1,2,4.")
    parser.add_argument("--threads", type=_counts, default=[], help="Numbers of threads to try.")
    parser.add_argument(
        "--engines",
        type=_engines,
        default=installed_engines(),
        help=f"Engines to try, of {', '.join(ENGINES)}; by default those that are installed.",
    )
    parser.add_argument("--seconds", type=_positive, help="Duration of a run; by default, it depends on the rate.")
    parser.add_argument("--budget", type=_positive, help="Start no run of a search after so many seconds.")
    parser.add_argument("--report", type=report_option, help="Path of the report, without a suffix.")
    parser.add_argument("--checkpoint", default=str(CHECKPOINT), help="File that keeps the runs until the end.")
    parser.add_argument("--fresh", action="store_true", help="Do not resume an interrupted run.")
    return parser


def _counts(text: str) -> list[int]:
    try:
        counts = [int(part) for part in text.split(",")]
    except ValueError:
        counts = [0]
    if min(counts) < 1:
        raise argparse.ArgumentTypeError("should be whole numbers of at least 1, separated by commas")
    return counts


def _engines(text: str) -> list[str]:
    engines = text.split(",")
    if not set(engines) <= set(ENGINES):
        raise argparse.ArgumentTypeError(f"should be names of engines, of {', '.join(ENGINES)}, separated by commas")
    return engines


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("should be a number greater than 0")
    return value


if __name__ == "__main__":
    try:
        sys.exit(main())
    except GeneratorFailed as error:
        sys.exit(f"tune: {error}")
    except KeyboardInterrupt:
        print("tune: interrupted; the same command resumes it", file=sys.stderr)
        sys.exit(130)
