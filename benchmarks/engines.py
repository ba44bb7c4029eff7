"""Compare the engines and the stock ModelScope pipeline: speed on one thread, one text at a time, and memory.

    python -m benchmarks.engines [--checkpoint DIR] [--rounds N] [--json FILE]

All contenders read the same 50-character texts in turn, text by text, so that other load on the machine affects
them alike: on a busy machine, the ratios are reliable, the times are not. Without `--checkpoint`, the model has the
geometry of the published base model and random weights; speed does not depend on the weights. Memory is that of a
separate process with one model, after it has read sentences.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ner_runtime import Recognizer
from ner_runtime.models.convert.build import build_model_directory
from ner_runtime.models.convert.sample import sample_sentences
from tests.support.models.checkpoints import BASE, write_checkpoint

CHARS = 50
FP32, INT8, OPENVINO, STOCK = "ONNX Runtime FP32", "ONNX Runtime INT8", "OpenVINO INT8", "ModelScope pipeline"
BARS = {FP32: 2.0, STOCK: 15.0}
"""ONNX Runtime INT8 must be at least this many times as fast as the contender."""
MAX_MEMORY_MB = 450

_MEMORY = """
import sys
from ner_runtime import Recognizer
from ner_runtime.models.convert.sample import sample_sentences
Recognizer.open(sys.argv[1]).recognize(sample_sentences(64))
fields = dict(line.split(":") for line in open("/proc/self/smaps_rollup").read().splitlines()[1:])
print(*(int(fields[name].split()[0]) // 1024 for name in ("Rss", "Pss")))
"""


@dataclass(frozen=True)
class Row:
    """The speed of one contender, with one text at a time."""

    contender: str
    median_ms: float
    least_ms: float
    chars_per_s: float
    int8_is_faster_by: float
    """The contender's time divided by the time of ONNX Runtime INT8 on the same text: the median over all texts."""


@dataclass(frozen=True)
class Memory:
    """The memory of a process with one model: RSS and PSS in MB."""

    model: str
    rss: int
    pss: int


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.engines", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="a ModelScope directory; by default, one with random weights")
    parser.add_argument("--rounds", type=int, default=30, help="number of texts that each contender reads")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = options.checkpoint or write_checkpoint(Path(folder) / "checkpoint", BASE)
        models = {precision: Path(folder) / precision for precision in ("fp32", "int8")}
        build_model_directory(checkpoint, models["fp32"], "base", "fp32")
        # Accept any agreement with FP32: the agreement is reported, not required.
        agreement = build_model_directory(checkpoint, models["int8"], "base", min_agreement=0.0).agreement
        memory = [_memory(precision, model) for precision, model in models.items()]
        rows = _race(_contenders(checkpoint, models), _texts(options.rounds))
    _report(rows, memory)
    if options.json:
        facts = {
            "machine": {"cpu": _cpu(), "load": os.getloadavg()[0], "python": platform.python_version()},
            "rows": [asdict(row) for row in rows],
            "memory": [asdict(row) for row in memory],
            "agreement": agreement.model_dump() if agreement else None,
        }
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(facts, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _texts(count: int) -> list[str]:
    everything = "".join(sample_sentences())
    return [everything[start : start + CHARS] for start in range(0, count * CHARS, CHARS)]


def _contenders(checkpoint: Path, models: dict[str, Path]) -> dict[str, Callable[[str], object]]:
    recognizers = {
        FP32: Recognizer.open(models["fp32"]),
        INT8: Recognizer.open(models["int8"]),
        OPENVINO: Recognizer.open(models["int8"], engine="openvino"),
    }
    calls: dict[str, Callable[[str], object]] = {name: _one(recognizer) for name, recognizer in recognizers.items()}
    return {**calls, STOCK: _stock_pipeline(checkpoint)}


def _one(recognizer: Recognizer) -> Callable[[str], object]:
    return lambda text: recognizer.recognize([text])


def _stock_pipeline(checkpoint: Path) -> Callable[[str], object]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from modelscope.pipelines import pipeline

        torch.set_num_threads(1)
        stock: Any = pipeline("named-entity-recognition", model=str(checkpoint), device="cpu")
        return stock


def _race(contenders: dict[str, Callable[[str], object]], texts: list[str]) -> list[Row]:
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for call in contenders.values():
        call(texts[0])
    for text in texts:
        for name, call in contenders.items():
            started = time.perf_counter()
            call(text)
            times[name].append((time.perf_counter() - started) * 1000)
    return [_row(name, taken, times[INT8]) for name, taken in times.items()]


def _row(name: str, taken: list[float], int8: list[float]) -> Row:
    median = statistics.median(taken)
    ratio = statistics.median(one / other for one, other in zip(taken, int8, strict=True))
    return Row(name, round(median, 1), round(min(taken), 1), round(CHARS * 1000 / median, 1), round(ratio, 2))


def _memory(precision: str, model: Path) -> Memory:
    measured = subprocess.run([sys.executable, "-c", _MEMORY, model], check=True, capture_output=True, text=True)
    rss, pss = map(int, measured.stdout.split())
    return Memory(precision, rss, pss)


def _report(rows: list[Row], memory: list[Memory]) -> None:
    print(f"{'one text of 50 characters, 1 thread':36} {'median ms':>10} {'least ms':>10} {'chars/s':>9} {'INT8 x':>8}")
    for row in rows:
        print(
            f"{row.contender:36} {row.median_ms:10.1f} {row.least_ms:10.1f} {row.chars_per_s:9.1f} "
            f"{row.int8_is_faster_by:8.2f}{_verdict(row)}"
        )
    for held in memory:
        over = held.model == "int8" and held.rss > MAX_MEMORY_MB
        print(f"a process that holds the {held.model} model: RSS {held.rss} MB, PSS {held.pss} MB{' (over)' * over}")


def _verdict(row: Row) -> str:
    bar = BARS.get(row.contender)
    if bar is None:
        return ""
    return f"  bar {bar:g}: {'met' if row.int8_is_faster_by >= bar else 'missed'}"


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    flags = next((line for line in lines if line.startswith("flags")), "")
    return f"{name}{', VNNI' if 'vnni' in flags else ', no VNNI'}"


if __name__ == "__main__":
    main()
