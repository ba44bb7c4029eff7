"""Measure what share of the entities in plain text a model still finds after markup or noise is added.

The plain sentences come from `sample.toml` and from the patterns below, which are not used in training.

    python -m training.report.robustness
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from ner_runtime import Recognizer
from ner_runtime.embedded import embedded_model
from ner_runtime.models.convert.sample import sample_sentences
from training.data.amounts import draw_amount
from training.data.corpora import Sentence, Span
from training.examples.noise import insert

SENTENCES = 100
_SHORTEST, _LONGEST = 12, 60
_FIRST = (
    "埃兹拉",
    "托比亚斯",
    "马蒂尔达",
    "奥古斯丁",
    "塞莱斯特",
    "菲奥娜",
    "雷蒙德",
    "伊莎多拉",
    "巴纳比",
    "克劳迪娅",
)
_LAST = (
    "科瓦尔",
    "林德霍姆",
    "彭布罗克",
    "萨瓦雷",
    "奥肖内西",
    "威特菲尔德",
    "布里格斯",
    "德梅里尼",
    "哈特利",
    "索科洛娃",
)
_MEETINGS = (
    "昨天{}来到这里演讲。", "记者采访了{}，他没有回答。", "{}获得了今年的奖项", "会议由{}主持，持续了两个小时。",
    "这本书的作者是{}。",
)  # fmt: skip
_PAYMENTS = (
    "合同约定的价款为{}。", "他昨天付了{}，还没有收到货。", "这套房子卖了{}", "公司去年亏损{}，今年有所好转。",
    "罚款{}，限十日内缴纳。",
)  # fmt: skip
_DOTS = "．.∙⋅ㆍ"

Rewrite = Callable[[Sentence, random.Random], Sentence]


def emphasise(sentence: Sentence, _chance: random.Random) -> Sentence:
    """Put every name into Markdown emphasis."""
    return _around(sentence, "**", "**")


def tag(sentence: Sentence, _chance: random.Random) -> Sentence:
    """Put every name into an HTML element."""
    return _around(sentence, "<b>", "</b>")


def space_out(sentence: Sentence, chance: random.Random) -> Sentence:
    """Insert spaces before some characters, even within names."""
    return insert(sentence, {at: " " for at in range(1, len(sentence.text)) if chance.random() < 0.1})


def break_lines(sentence: Sentence, chance: random.Random) -> Sentence:
    """Break lines at a fixed length, even within names."""
    width = chance.randint(8, 16)
    return insert(sentence, dict.fromkeys(range(width, len(sentence.text), width), "\n"))


REWRITES: dict[str, Rewrite] = {
    "Markdown emphasis": emphasise,
    "HTML tags": tag,
    "stray spaces": space_out,
    "line breaks": break_lines,
}


def kept_share(recognizer: Recognizer, rewrite: Rewrite) -> float:
    """Return what share of the entities found in plain sentences is also found, exactly, in the rewritten ones."""
    chance = random.Random(1)
    texts = [text for text in sample_sentences() if _SHORTEST <= len(text) <= _LONGEST][:SENTENCES]
    plain = [_read(recognizer, text) for text in texts]
    rewritten = [rewrite(sentence, chance) for sentence in plain]
    return _share(recognizer, rewritten)


def dots_share(recognizer: Recognizer) -> float:
    """Like `kept_share`, for foreign names with other middle dots, compared with the usual middle dot."""
    chance = random.Random(2)
    names = [f"{chance.choice(_FIRST)}·{chance.choice(_LAST)}" for _ in range(SENTENCES)]
    plain = [chance.choice(_MEETINGS).format(name) for name in names]
    found = _right(recognizer, plain, names, "PER")
    dotted = [name.replace("·", chance.choice(_DOTS)) for name in names]
    others = [text.replace(name, other) for text, name, other in zip(plain, names, dotted, strict=True)]
    return _right(recognizer, others, dotted, "PER") / max(1, found)


def amounts_share(recognizer: Recognizer) -> float:
    """Like `kept_share`, for sums of money written in many ways, compared with plain ones like `1000元`."""
    chance = random.Random(3)
    patterns = [chance.choice(_PAYMENTS) for _ in range(SENTENCES)]
    plain = [f"{chance.randint(1, 9) * 10 ** chance.randint(2, 5)}元" for _ in range(SENTENCES)]
    other = [draw_amount(chance) for _ in range(SENTENCES)]
    found, kept = (
        _right(recognizer, [pattern.format(sum_) for pattern, sum_ in zip(patterns, sums, strict=True)], sums, "MONEY")
        for sums in (plain, other)
    )
    return kept / max(1, found)


def robustness_table(recognizer: Recognizer) -> str:
    """A Markdown table of all measured shares, in percent, one row each."""
    shares = {name: kept_share(recognizer, rewrite) for name, rewrite in REWRITES.items()}
    shares |= {"other middle dots": dots_share(recognizer), "sums of money": amounts_share(recognizer)}
    rows = [f"| {name} | {100 * share:.0f} % |" for name, share in shares.items()]
    return "\n".join(["| 100 sentences with | found as in the plain form |", "| --- | ---: |", *rows])


def _around(sentence: Sentence, before: str, behind: str) -> Sentence:
    insertions: dict[int, str] = {}
    for span in sentence.spans:
        insertions[span.start] = insertions.get(span.start, "") + before
        insertions[span.end] = behind
    return insert(sentence, insertions)


def _read(recognizer: Recognizer, text: str) -> Sentence:
    [entities] = recognizer.recognize([text])
    spans = tuple(Span(entity.start, entity.end, entity.type) for entity in entities)
    return Sentence(text, spans, frozenset(recognizer.types))


def _share(recognizer: Recognizer, sentences: Sequence[Sentence]) -> float:
    kept = sum(len(set(sentence.spans) & set(_read(recognizer, sentence.text).spans)) for sentence in sentences)
    return kept / max(1, sum(len(sentence.spans) for sentence in sentences))


def _right(recognizer: Recognizer, texts: Sequence[str], names: Sequence[str], type_: str) -> int:
    """Count the texts in which the name is found exactly, with its type."""
    answers = recognizer.recognize(texts, [type_])
    return sum(any(entity.span == name for entity in entities) for entities, name in zip(answers, names, strict=True))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure how a model reads markup, stray spaces, dots and amounts.")
    parser.add_argument("model", type=Path, nargs="?", default=embedded_model())
    options = parser.parse_args(arguments)
    print(robustness_table(Recognizer.open(options.model)))


if __name__ == "__main__":
    main()
