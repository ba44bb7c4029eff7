"""Score a model on a dev set rewritten with another width, script or punctuation.

python -m training.report.rewritten
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ner_runtime import Recognizer, jsonl
from ner_runtime.embedded import embedded_model
from ner_runtime.evaluation import evaluate
from training.data.corpora import DATA, Sentence, TypeMap, find_corpus, read_split
from training.data.script import HALF_TO_FULL, traditional_table
from training.examples.augment import PUNCTUATION_TO_HALF, strip_punctuation, translate

_UNKNOWN = "?"

REWRITES: dict[str, Callable[[Sentence], Sentence]] = {
    "as it is": lambda sentence: sentence,
    "half-width": lambda sentence: translate(sentence, PUNCTUATION_TO_HALF),
    "full-width": lambda sentence: translate(sentence, HALF_TO_FULL),
    "without punctuation": strip_punctuation,
    "traditional script": lambda sentence: translate(sentence, traditional_table()),
}


def rewritten_scores(recognizer: Recognizer, sentences: Sequence[Sentence]) -> dict[str, float]:
    """Return the entity F1, in percent, for each way of rewriting the sentences."""
    return {name: _f1(recognizer, map(rewrite, sentences)) for name, rewrite in REWRITES.items()}


def rewritten_table(recognizer: Recognizer, data: Path, corpus: str = "msra") -> str:
    """Return a Markdown table of the F1 on a dev set, one row for each way of rewriting it."""
    sentences = read_split(data, find_corpus(corpus), "dev", TypeMap.read(data))
    rows = [f"| {name} | {f1:.1f} |" for name, f1 in rewritten_scores(recognizer, sentences).items()]
    return "\n".join([f"| {corpus}/dev | F1 |", "| --- | ---: |", *rows])


def _f1(recognizer: Recognizer, sentences: Iterable[Sentence]) -> float:
    tally = evaluate(recognizer, map(_line, sentences), {_UNKNOWN: None})
    return 100 * tally.score(tally.scored(recognizer.types)).f1


def _line(sentence: Sentence) -> jsonl.Sentence:
    spans = (jsonl.Annotation(span.type or _UNKNOWN, span.start, span.end) for span in sentence.spans)
    return jsonl.Sentence(sentence.text, tuple(spans))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Score a model directory on a dev set rewritten in several ways.")
    parser.add_argument("model", type=Path, nargs="?", default=embedded_model())
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--corpus", default="msra")
    options = parser.parse_args(arguments)
    print(rewritten_table(Recognizer.open(options.model), options.data, options.corpus))


if __name__ == "__main__":
    main()
