"""Accuracy: our model and its peers on the same files, entity F1 of PER, LOC and ORG; a table and a picture.

    make bench-accuracy DATA=../shared/data

The peers live in an environment of their own, which `make peers` makes. A peer that does not run is left out and named.
The corpora are not part of this repository: `training/README.md` says what they are.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.accuracy.report import Table, draw, markdown
from ner_runtime import Recognizer
from ner_runtime.evaluation import Tally, TypeMap, compare, evaluate, read_type_map
from ner_runtime.inference.windows import WINDOWING_VERSION
from ner_runtime.jsonl import Annotation, Sentence, read_sentences
from ner_runtime.models.registry.resolve import locate_model
from ner_runtime.settings import EMBEDDED_MODEL

NAMES = ("PER", "LOC", "ORG")
SETS = (
    *("msra/dev", "msra/test", "uner_gsdsimp/dev", "uner_gsd_trad/dev", "weibo/dev", "cluener/dev", "aishell_ner/dev"),
    *("literature/dev", "cnerta/dev", "announce_org/dev"),
)
PEERS = {"jieba": "jieba.posseg 0.42.1", "lac": "LAC 2.1.2"}
_PYTHON = Path(".work/peers/bin/python")


def score_peer(peer: str, sentences: Sequence[Sentence], mapping: TypeMap) -> Tally:
    """Have a peer read the sentences, and count.

    Raises:
        CalledProcessError, FileNotFoundError: it does not run, or is not installed.
    """
    texts = "".join(json.dumps(sentence.text) + "\n" for sentence in sentences)
    command = [str(_PYTHON), "-W", "ignore", "-m", "benchmarks.accuracy.peers", peer]
    answer = subprocess.run(
        command, input=texts, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    # What Paddle prints on its way comes on the same stream.
    lines = [line for line in answer.stdout.splitlines() if line.startswith("[") and line.endswith("]")]
    tally = Tally()
    for sentence, line in zip(sentences, lines, strict=True):
        compare(tally, sentence, [Annotation(*span) for span in json.loads(line)], mapping)
    return tally


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Score our model and its peers, and write table and picture.")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder with ner/")
    parser.add_argument("--model", default=EMBEDDED_MODEL, help="a model, as `raner` names them")
    parser.add_argument("--output", type=Path, default=Path("docs/accuracy"), help="the .md, .json and .png to write")
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=list(PEERS))
    options = parser.parse_args(arguments)
    recognizer = Recognizer.open(locate_model(options.model))
    table: Table = {}
    for name in SETS:
        sentences = list(read_sentences(str(options.data / "ner" / f"{name}.jsonl.gz")))
        mapping = read_type_map(f"{options.data / 'ner' / 'TYPE_MAP.json'}#{name.partition('/')[0]}") or {}
        row = table[name] = {recognizer.manifest.name: _f1(evaluate(recognizer, sentences, mapping))}
        for peer in options.peers:
            try:
                row[PEERS[peer]] = _f1(score_peer(peer, sentences, mapping))
            except (subprocess.CalledProcessError, FileNotFoundError):
                print(f"{PEERS[peer]} does not run here: left out of {name}", file=sys.stderr)
        print(name, row, flush=True)
    measured = {"version": recognizer.manifest.version, "reading": WINDOWING_VERSION, "scores": table}
    options.output.with_suffix(".md").write_text(markdown(table), encoding="utf-8")
    options.output.with_suffix(".json").write_text(json.dumps(measured, indent=1), encoding="utf-8")
    draw(table, options.output.with_suffix(".png"))


def _f1(tally: Tally) -> float:
    """Entity F1 of names, in percent, over the types that the file annotates."""
    return round(100 * tally.score(tally.scored(NAMES)).f1, 2)


if __name__ == "__main__":
    main()
