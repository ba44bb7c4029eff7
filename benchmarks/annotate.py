"""Measure `raner annotate`: its rate compared with the library's, its speed-up with two workers, and its memory.

Each rate excludes the startup: it is measured as the time for all lines minus the time for one line. The memory is the
sum of the resident memory of the command and of its worker processes, sampled while they annotate.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from ner_runtime import Recognizer, embedded_model
from ner_runtime.models.convert.sample import sample_sentences

LIST_TEXTS = 2048
"""Texts in each call of the library."""
SAMPLE_S = 0.5
_THREADS = {"RANER_THREADS": "1", "RANER_MODEL": "embedded"}


def texts(number: int, characters: int | None = None) -> Iterator[str]:
    """Generate texts of one to three sentences, or of `characters`; each differs from the others by a number."""
    chosen = random.Random(0)
    sentences = sample_sentences()
    for index in range(number):
        text = "".join(chosen.choices(sentences, k=chosen.choice((1, 1, 1, 2, 3)))) + str(index)
        yield text if characters is None else text[-characters:]


def write_lines(path: Path, number: int, characters: int | None = None) -> Path:
    """Write a corpus as JSON lines."""
    with path.open("w", encoding="utf-8") as file:
        for index, text in enumerate(texts(number, characters)):
            file.write(json.dumps({"id": index, "text": text}, ensure_ascii=False) + "\n")
    return path


def library_rate(number: int) -> float:
    """Return how many texts per second the library recognizes in this process with one thread."""
    recognizer = Recognizer.open(embedded_model(), threads=1)
    items = list(texts(number))
    recognizer.recognize(items[:LIST_TEXTS])
    started = time.perf_counter()
    for begin in range(0, number, LIST_TEXTS):
        recognizer.recognize(items[begin : begin + LIST_TEXTS])
    return number / (time.perf_counter() - started)


def annotate(source: Path, output: Path, workers: int) -> tuple[float, list[int]]:
    """Run the command. Return the seconds it takes, and the resident memory at each sample, in bytes."""
    command = [sys.executable, "-m", "ner_runtime.cli", "annotate", str(source), str(output)]
    started = time.perf_counter()
    memory: list[int] = []
    with subprocess.Popen(
        [*command, "--workers", str(workers)], env=os.environ | _THREADS, stderr=subprocess.DEVNULL
    ) as process:
        while True:
            try:
                code = process.wait(SAMPLE_S)
                break
            except subprocess.TimeoutExpired:
                memory.append(_resident_bytes(process.pid))
    if code:
        raise SystemExit(f"raner annotate failed with exit code {code}")
    return time.perf_counter() - started, memory


def command_rate(directory: Path, number: int, workers: int) -> float:
    """Return how many lines per second the command annotates after its start."""
    one = write_lines(directory / "one.jsonl", 1)
    all_lines = write_lines(directory / "lines.jsonl", number)
    start, _ = annotate(one, directory / f"one-{workers}", workers)
    whole, _ = annotate(all_lines, directory / f"lines-{workers}", workers)
    return (number - 1) / (whole - start)


def growth(memory: list[int]) -> float:
    """Return by which fraction the largest memory of the last fifth exceeds that of the second fifth."""
    fifth = len(memory) // 5
    if not fifth:
        raise SystemExit("the run is too short to tell how its memory grows; use more lines")
    return max(memory[-fifth:]) / max(memory[fifth : 2 * fifth]) - 1


def measure(directory: Path, rate_lines: int, lines: int, characters: int | None) -> dict[str, float]:
    """Measure rates with `rate_lines` lines and the memory with `lines` lines; 0 leaves a measurement out."""
    figures: dict[str, float] = {}
    if rate_lines:
        figures["library_per_s"] = library_rate(rate_lines)
        figures["one_worker_per_s"] = command_rate(directory, rate_lines, 1)
        figures["two_workers_per_s"] = command_rate(directory, rate_lines, 2)
        figures["of_library"] = figures["one_worker_per_s"] / figures["library_per_s"]
        figures["speed_up"] = figures["two_workers_per_s"] / figures["one_worker_per_s"]
    if lines:
        seconds, memory = annotate(write_lines(directory / "many.jsonl", lines, characters), directory / "many", 2)
        figures |= {"lines": lines, "seconds": seconds, "peak_mib": max(memory) / 2**20, "growth": growth(memory)}
    return figures


def _resident_bytes(pid: int) -> int:
    total = 0
    try:
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def main() -> None:
    """Measure, print the figures, and write them as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.annotate", description=__doc__)
    parser.add_argument("--rate-lines", type=int, default=40_960, help="lines for the rates; 0: do not measure them")
    parser.add_argument("--lines", type=int, default=1_000_000, help="lines for the memory; 0: do not measure it")
    parser.add_argument("--characters", type=int, help="characters per line when the memory is measured")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="raner-annotate-") as directory:
        figures = measure(Path(directory), options.rate_lines, options.lines, options.characters)
    for name, value in figures.items():
        print(f"{name:18} {value:12.3f}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
