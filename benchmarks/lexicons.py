"""Measure what lexicons cost: loading a large one, recognizing with it, and a small one in a request.

A small one is measured in the library (compiling and matching) and in the service (also parsing and validating the
request, above a request without a lexicon).

    python -m benchmarks.lexicons [--entries N] [--rounds N] [--json FILE]

The large lexicon has generated names, and names that the model finds in a tenth of the texts. It is loaded in a process
of its own, so that its memory can be measured; the time to load is CPU time. Texts are recognized with and without
lexicons in turn, so that other load on the machine affects both alike: on a busy machine, the ratio is reliable, the
times are not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from time import perf_counter

from ner_runtime import Entry, Lexicon, Recognizer, embedded_model
from ner_runtime.json import to_json
from ner_runtime.lexicon.user.matches import LexiconSet
from ner_runtime.models.convert.sample import sample_sentences
from ner_runtime.serving.answering.lexicons import Lexicons
from ner_runtime.serving.api.requests import RequestLimits, parse_ner

MAX_LOAD_S = 3.0
MAX_MEMORY_MB = 80
MAX_SLOWDOWN = 0.05
MAX_REQUEST_MS = 1.0

_REQUEST_ENTRIES = 100
_TEXTS = 64
_EVERY = 10
_CHARACTERS = [chr(code) for code in range(0x4E00, 0x4E00 + 3000)]
_TYPES = ("PER", "LOC", "ORG")
_LOAD = """
import sys
from time import process_time
from ner_runtime import Lexicon
from ner_runtime.serving.answering.memory import release_memory
def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
release_memory()
before, started = resident_mb(), process_time()
lexicon = Lexicon.from_file(sys.argv[1])
seconds = process_time() - started
release_memory()
print(seconds, resident_mb() - before)
"""


def main() -> None:
    """Run the benchmark; exit with 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description="Measure what lexicons cost.")
    parser.add_argument("--entries", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    recognizer = Recognizer.open(embedded_model())
    names = _names(recognizer, arguments.entries)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "large.tsv"
        file.write_text("".join(f"{name}\t{type_}\n" for name, type_ in names.items()), encoding="utf-8")
        load_s, memory_mb = _load(file)
        large = Lexicon.from_file(file)
    figures = {
        "entries": len(large),
        "load_s": load_s,
        "memory_mb": memory_mb,
        "slowdown": _slowdown(recognizer, large, arguments.rounds),
        "request_ms": _request_ms(list(names)[:_REQUEST_ENTRIES]),
        "http_ms": _http_ms(list(names)[:_REQUEST_ENTRIES]),
    }
    limits = {
        "load_s": MAX_LOAD_S,
        "memory_mb": MAX_MEMORY_MB,
        "slowdown": MAX_SLOWDOWN,
        "request_ms": MAX_REQUEST_MS,
    }
    for name, value in figures.items():
        print(f"{name:12} {value:10.3f}" + (f"   at most {limits[name]}" if name in limits else ""))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    sys.exit(any(figures[name] > limit for name, limit in limits.items()))


def _names(recognizer: Recognizer, count: int) -> dict[str, str]:
    """Return `count` names and their types."""
    random = Random(7)
    found = recognizer.recognize(sample_sentences(_TEXTS)[::_EVERY])
    names = {entity.span: entity.type for entities in found for entity in entities}
    while len(names) < count:
        names.setdefault("".join(random.choices(_CHARACTERS, k=random.randint(2, 7))), random.choice(_TYPES))
    return names


def _load(file: Path) -> tuple[float, float]:
    """Return how long a lexicon takes to load, in seconds, and how much memory it takes, in MB."""
    run = subprocess.run([sys.executable, "-c", _LOAD, str(file)], capture_output=True, check=True, text=True)
    seconds, megabytes = map(float, run.stdout.split())
    return seconds, megabytes


def _slowdown(recognizer: Recognizer, lexicon: Lexicon, rounds: int) -> float:
    """Return by which fraction recognition is slower with the lexicon: the median over rounds."""
    texts = sample_sentences(_TEXTS)
    lexicons = LexiconSet([lexicon])
    ratios: list[float] = []
    for number in range(rounds + 1):  # the first round warms up
        # The order alternates, so that a machine that becomes slower or faster affects both alike.
        order = (lexicons, None) if number % 2 else (None, lexicons)
        seconds = {used: _seconds(recognizer, texts, used) for used in order}
        ratios.append(seconds[lexicons] / seconds[None])
    return statistics.median(ratios[1:]) - 1


def _seconds(recognizer: Recognizer, texts: Sequence[str], lexicons: LexiconSet | None) -> float:
    started = perf_counter()
    recognizer.recognize_detailed(texts, lexicons)
    return perf_counter() - started


def _request_ms(names: Sequence[str]) -> float:
    """Return how long compiling the entries of a request and matching them in a text takes, in milliseconds."""
    [text] = sample_sentences(1)
    entries = [Entry(name, "ORG") for name in names]
    durations: list[float] = []
    for _ in range(200):
        started = perf_counter()
        LexiconSet([Lexicon.from_entries(entries)]).match(text, lambda start, end: (start, end))
        durations.append(perf_counter() - started)
    return statistics.median(durations) * 1000


def _http_ms(names: Sequence[str]) -> float:
    """Return how long the service takes to parse, compile and match the entries of a request, in milliseconds."""
    [text] = sample_sentences(1)
    lexicon = {"prefer": [{"text": name, "type": "ORG"} for name in names]}
    bodies = to_json({"text": text, "lexicon": lexicon}), to_json({"text": text})

    async def differences() -> list[float]:
        return [await _request_s(bodies[0]) - await _request_s(bodies[1]) for _ in range(200)]

    return statistics.median(asyncio.run(differences())) * 1000


async def _request_s(body: bytes) -> float:
    started = perf_counter()
    request = parse_ner(body, RequestLimits(max_chars=10_000, max_texts=1))
    lexicons = await Lexicons().of(request)
    if lexicons is not None:
        lexicons.match(request.text, lambda start, end: (start, end))
    return perf_counter() - started


if __name__ == "__main__":
    main()
