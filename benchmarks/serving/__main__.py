"""Compare the service with the design that it replaces, and measure what each layer of it costs.

    python -m benchmarks.serving [--parts compare,ladder] [--quick] [--json FILE] [--picture FILE] [--page FILE]

The contenders of a part run side by side, and their rounds alternate, so that other load on the machine affects them
alike: on a busy machine, the ratios are reliable, absolute figures are not. The client runs on the same machine.
Results are saved after each part; parts that are not measured keep the results that the JSON file has. See
docs/tuning.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.serving.parts import PARTS, Options
from benchmarks.serving.report import draw, tables, write_to_page
from benchmarks.serving.services import calibrate, prepare_models
from ner_runtime.atomic_files import write_atomically
from ner_runtime.cpus import available_cpus
from ner_runtime.serving.lifecycle.service_process import exit_on_sigterm

_PACKAGES = ("onnxruntime", "openvino", "bentoml", "modelscope", "torch")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the parts, print the tables, and write the files."""
    options = _parser().parse_args(arguments)
    # The contenders must not outlive this process.
    exit_on_sigterm()
    results: dict[str, Any] = json.loads(options.json.read_text()) if options.json.is_file() else {"parts": {}}
    if options.parts:
        results["machine"] = machine_facts()
        models = prepare_models(options.models)
        results["machine"]["auto engine"] = calibrate(models)
        plan = Options(
            rounds=options.rounds or (2 if options.quick else 3),
            seconds=options.seconds or (2.0 if options.quick else 6.0),
            goal_s=options.goal_s,
            quick=options.quick,
        )
        for name in options.parts:
            started = time.monotonic()
            print(f"{name} …", file=sys.stderr, flush=True)
            result = PARTS[name](models, plan)
            results["parts"][name] = {"date": time.strftime("%Y-%m-%d"), "quick": options.quick, "result": result}
            write_atomically(options.json, (json.dumps(results, ensure_ascii=False, indent=1) + "\n").encode())
            print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    print(tables(results))
    if options.picture:
        draw(results, options.picture)
    if options.page:
        write_to_page(options.page, results)


def machine_facts() -> dict[str, Any]:
    """Return the processor, the number of CPUs and the versions."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    flags = next((line for line in lines if line.startswith("flags")), "")
    features = [feature for feature in ("amx_int8", "avx512_vnni", "avx_vnni") if feature in flags.split()]
    versions = {package: version(package) for package in _PACKAGES}
    return {
        "processor": f"{name} ({', '.join(features) or 'no VNNI'})",
        "CPUs": available_cpus(),
        "Python": platform.python_version(),
        **versions,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--parts", type=_parts, default=list(PARTS), help=f"of {', '.join(PARTS)}; `none`: only report")
    parser.add_argument("--quick", action="store_true", help="fewer contenders and rounds: about fifteen minutes")
    parser.add_argument("--rounds", type=int, help="alternating rounds")
    parser.add_argument("--seconds", type=float, help="seconds of one measurement")
    parser.add_argument("--goal-s", type=float, default=2.0, help="overload: a response within so many seconds is good")
    parser.add_argument("--models", type=Path, default=Path(".work/serving"), help="directory that keeps the models")
    parser.add_argument("--json", type=Path, default=Path("build/serving.json"), help="file for the results")
    parser.add_argument("--picture", type=Path, help="file for a picture")
    parser.add_argument("--page", type=Path, help="a page with markers, between which the tables are written")
    return parser


def _parts(text: str) -> list[str]:
    parts = [] if text == "none" else text.split(",")
    if unknown := [part for part in parts if part not in PARTS]:
        raise argparse.ArgumentTypeError(f"unknown part {unknown[0]!r}; known: {', '.join(PARTS)}")
    return parts


if __name__ == "__main__":
    main()
