"""Amounts: sums of money in a text, found by their form.

One small corpus of court reports annotates money, and nothing else does. A sum has so regular a form that a pattern
finds it in the other corpora, which would otherwise teach nothing about it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from training.corpora import Sentence, Span

_CURRENCY = "人民币|美元|美金|港元|港币|日元|欧元|英镑|韩元|台币|新台币|卢布|法郎|马克|澳元|加元|泰铢|卢比|比索"
_DIGITS = r"[0-9０-９][0-9０-９,，.．]*"
_SCALE = "[十百千万亿]*(?:[多余]?[万亿]?)"
# A lone Chinese numeral before 元 is part of a word more often than a sum (二元, 三元).
_AMOUNT = re.compile(
    f"(?:{_CURRENCY}|[$¥￥＄])?(?:"
    f"{_DIGITS}{_SCALE}(?:元|块钱|{_CURRENCY})"
    f"|[一二三四五六七八九十百千万亿两几零〇]{{2,}}[多余]?[万亿]?(?:元|块钱|{_CURRENCY})"
    f")(?:人民币)?"
    f"|(?:[$¥￥＄]){_DIGITS}{_SCALE}"
)


def find_amounts(text: str) -> list[tuple[int, int]]:
    """Start and end (exclusive) of each sum of money."""
    return [found.span() for found in _AMOUNT.finditer(text)]


def annotate(sentence: Sentence) -> Sentence:
    """Add sums as MONEY where the sentence's corpus does not annotate them; spans that stand in the way win."""
    if "MONEY" in sentence.annotated:
        return sentence
    taken = [(span.start, span.end) for span in sentence.spans]
    free = [
        Span(start, end, "MONEY")
        for start, end in find_amounts(sentence.text)
        if all(end <= other_start or other_end <= start for other_start, other_end in taken)
    ]
    spans = sorted([*sentence.spans, *free], key=lambda span: span.start)
    return replace(sentence, spans=tuple(spans), annotated=sentence.annotated | {"MONEY"})
