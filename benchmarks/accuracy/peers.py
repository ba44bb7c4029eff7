"""Peers: what a user could install instead, each answering texts with spans. Runs in the peers' environment.

    python -m benchmarks.accuracy.peers {jieba,lac} < texts.jsonl > spans.jsonl

A line in is a JSON string, a line out a JSON list of `[type, start, end]` in code points. jieba's `posseg` (MIT) has
dictionary tags: nr, ns, nt. LAC 2.1.2 (Apache-2.0) is Baidu's lexical analysis.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Words = Iterable[tuple[str, str]]
Spans = list[tuple[str, int, int]]

_AT_ONCE = 256
_JIEBA = {"nr": "PER", "nrt": "PER", "nrfg": "PER", "ns": "LOC", "nt": "ORG"}
_LAC = {name: name for name in ("PER", "LOC", "ORG", "TIME")}


def spans_of(words: Words, types: dict[str, str]) -> Spans:
    """The words whose tag is a type, as spans."""
    spans: Spans = []
    start = 0
    for word, tag in words:
        if tag in types:
            spans.append((types[tag], start, start + len(word)))
        start += len(word)
    return spans


def jieba() -> Callable[[Sequence[str]], list[Spans]]:
    posseg: Any = importlib.import_module("jieba.posseg")
    return lambda texts: [spans_of(((pair.word, pair.flag) for pair in posseg.cut(text)), _JIEBA) for text in texts]


def lac() -> Callable[[Sequence[str]], list[Spans]]:
    from training.teacher import Teacher

    teacher = Teacher()
    return lambda texts: [spans_of(words, _LAC) for words in teacher.words(texts)]


def main(peer: str) -> None:
    find = {"jieba": jieba, "lac": lac}[peer]()
    texts = [json.loads(line) for line in sys.stdin]
    for start in range(0, len(texts), _AT_ONCE):
        for spans in find(texts[start : start + _AT_ONCE]):
            print(json.dumps(spans))


if __name__ == "__main__":
    main(*sys.argv[1:])
