"""Find sums of money with a regular expression, and draw random ones.

Only one small corpus, of court reports, annotates money. Sums of money are regular enough for a regular expression to
find them in the other corpora, which gives the model more examples.
"""

from __future__ import annotations

import random
import re
from dataclasses import replace

from training.data.corpora import Sentence, Span

_CURRENCY = "人民币|美元|美金|港元|港币|日元|欧元|英镑|韩元|台币|新台币|卢布|法郎|马克|澳元|加元|泰铢|卢比|比索"
_DIGITS = r"[0-9０-９][0-9０-９,，.．]*"
_SCALE = "[十百千万亿]*(?:[多余]?[万亿]?)"
# A lone Chinese numeral before 元 is more often part of a word than of a sum of money (二元, 三元).
_SIGN = "[$¥￥＄€£]|US\\$|HK\\$|RMB|CNY"
_CAPITAL = "[零壹贰叁肆伍陆柒捌玖拾佰仟万亿]{2,}"
_REST = "(?:[0-9一二三四五六七八九][角毛](?:[0-9一二三四五六七八九]分)?|整)?"
_AMOUNT = re.compile(
    f"(?:{_CURRENCY}|{_SIGN})?(?:"
    f"{_DIGITS}{_SCALE}(?:元|块钱|{_CURRENCY}){_REST}"
    f"|{_CAPITAL}[元圆](?:[壹贰叁肆伍陆柒捌玖零][角分]){{0,2}}整?"
    f"|[一二三四五六七八九十百千万亿两几零〇]{{2,}}[多余]?[万亿]?(?:元|块钱|{_CURRENCY})"
    f")(?:人民币)?"
    f"|(?:{_SIGN}) ?{_DIGITS}{_SCALE}"
    f"|人民币{_DIGITS}{_SCALE}"
)


def find_amounts(text: str) -> list[tuple[int, int]]:
    """Return the start and end (exclusive) of each sum of money."""
    return [found.span() for found in _AMOUNT.finditer(text)]


def annotate(sentence: Sentence) -> Sentence:
    """Add a MONEY span for each sum of money that overlaps no other span, unless the corpus annotates money."""
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


_FOREIGN = ("美元", "港元", "欧元", "日元", "英镑", "港币", "美金", "韩元", "新台币", "澳元", "加元")
_CHINESE = "零一二三四五六七八九"
_CAPITALS = "零壹贰叁肆伍陆柒捌玖"


def draw_amount(chance: random.Random) -> str:
    """Return a random sum of money in one of its usual notations."""
    way = chance.random()
    if way < 0.25:
        return (
            chance.choice(("¥", "￥", "¥", "￥", "$", "US$", "HK$", "€", "£", "RMB")) + _digits(chance) + _scale(chance)
        )
    if way < 0.40:
        return chance.choice(("¥", "￥", "人民币", "人民币", "RMB")) + _digits(chance) + _scale(chance) + "元"
    if way < 0.55:
        return _digits(chance) + _scale(chance) + chance.choice(_FOREIGN)
    if way < 0.75:
        return _digits(chance) + _scale(chance) + chance.choice(("元", "元", "元", "块钱", "元整", "元人民币"))
    if way < 0.88:
        return (
            chance.choice(("人民币", "人民币", ""))
            + _numeral(chance, _CAPITALS, "拾佰仟")
            + chance.choice(("元整", "元整", "圆整", "元"))
        )
    return _numeral(chance, _CHINESE, "十百千") + chance.choice(("元", "元", "块钱", "美元"))


def _digits(chance: random.Random) -> str:
    number = round(10 ** chance.uniform(0.5, 6.5))
    form = chance.random()
    if form < 0.4:
        return f"{number:,}"
    if form < 0.6:
        return f"{number / 100:.2f}"
    if form < 0.75:
        return f"{number % 1000 / 10:.1f}"
    return str(number) if form < 0.85 else str(max(1, number // 10 ** (len(str(number)) - 2)) * 100)


def _scale(chance: random.Random) -> str:
    return chance.choice(("", "", "", "万", "亿", "千万", "百万", "万亿")) if chance.random() < 0.6 else ""


def _numeral(chance: random.Random, digits: str, units: str) -> str:
    parts: list[str] = []
    for unit in chance.choice((units[2] + units[1] + units[0], units[1] + units[0], units[0], units[1], units[2])):
        parts.append(chance.choice(digits[1:]) + unit)
    text = "".join(parts) + (chance.choice(digits[1:]) if chance.random() < 0.3 else "")
    return text + chance.choice(("", "", "万", "万", "亿"))
