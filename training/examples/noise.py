"""Add noise to sentences: Markdown, HTML, stray spaces and line breaks, other middle dots and other sums of money.

Markup is never part of a span, but a space within a name is. All random choices come from the generator that is passed
in.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from training.data.amounts import draw_amount
from training.data.corpora import Sentence, Span
from training.examples.augment import Edit, splice

_WRAPS = (
    ("**", "**"), ("**", "**"), ("**", "**"), ("*", "*"), ("__", "__"), ("_", "_"), ("`", "`"), ("~~", "~~"),
    ("***", "***"),
    ("<b>", "</b>"), ("<strong>", "</strong>"), ("<em>", "</em>"), ("<i>", "</i>"), ("<span>", "</span>"),
    ('<a href="https://example.com/a">', "</a>"), ('<span class="name">', "</span>"),
    ("[", "](https://example.com/x)"),
    ("【", "】"), ("「", "」"), ("“", "”"), ('"', '"'), ("#", "#"), ("#", " "), ("@", " "), ("《", "》"),
    ("[", "]"), ("『", "』"),
    ("‘", "’"), ("(", ")"), ("（", "）"), ("<mark>", "</mark>"), ("<td>", "</td>"), ("<li>", "</li>"), ("| ", " |"),
)  # fmt: skip
_STARTS = (
    "- ", "* ", "+ ", "1. ", "2. ", "1、", "（1）", "(2) ", "> ", "# ", "## ", "### ", "• ", "· ", "| ", "<p>",
    "<li>", "<h2>", "<div>",
    "- [ ] ", "- [x] ", "【公告】", "[图片]", "#今日话题# ", "#热搜# ", "转发微博 ", "回复: ", "Re: ", "…",
    "  ", "\t", "\n", "**", "①", "—— ",
)  # fmt: skip
_ENDS = (
    " https://t.cn/A6xYz", " http://www.example.com/a?b=1", " |", "</p>", "</li>", "<br>", "<br/>", "\n", " ",
    "  ", "[哈哈]", "[图片]",
    " #转发#", "~", "…", "😂", "！！！", "（图）", "\r\n", " @某某", "**", "&nbsp;", "　",
)  # fmt: skip
_SPACES = (" ", " ", " ", " ", "  ", "\n", "\n", "　", "\t", "\u200b", "\xa0", "\r\n")
_DOTS = "．.∙⋅ㆍ・•‧･"


@dataclass(frozen=True)
class Noises:
    """The probability of each change to a sentence.

    Attributes:
        wrap: some names and some other words get markup around them
        start, end: text or markup is added at the start or at the end
        spaces: stray spaces and line breaks are inserted
        dots: the middle dots in names are replaced, if the sentence has a middle dot
        amounts: a sum of money is replaced
    """

    wrap: float = 0.1
    start: float = 0.04
    end: float = 0.04
    spaces: float = 0.1
    dots: float = 0.5
    amounts: float = 0.25


def insert(sentence: Sentence, insertions: Mapping[int, str]) -> Sentence:
    """Insert texts before some code points. A text inserted at the edge of a span is not part of the span."""
    if not insertions:
        return sentence
    text, parts, position = sentence.text, list[str](), 0
    for at in sorted(insertions):
        parts += [text[position:at], insertions[at]]
        position = at
    parts.append(text[position:])

    def moved(offset: int, *, inclusive: bool) -> int:
        return offset + sum(len(new) for at, new in insertions.items() if at < offset or (inclusive and at == offset))

    spans = tuple(
        Span(moved(span.start, inclusive=True), moved(span.end, inclusive=False), span.type) for span in sentence.spans
    )
    return replace(sentence, text="".join(parts), spans=spans)


def wrap(sentence: Sentence, chance: random.Random) -> Sentence:
    """Put markup around some names and around some random stretches of other text."""
    stretches: list[tuple[int, int]] = [(span.start, span.end) for span in sentence.spans if chance.random() < 0.6]
    taken = [(span.start, span.end) for span in sentence.spans]
    for _ in range(chance.randint(0, 1 + len(stretches))):
        start = chance.randrange(len(sentence.text))
        end = min(len(sentence.text), start + chance.randint(1, 6))
        if all(end <= other_start or other_end <= start for other_start, other_end in taken):
            stretches.append((start, end))
            taken.append((start, end))
    mixed = chance.random() < 0.3
    one = chance.choice(_WRAPS)
    insertions: dict[int, str] = {}
    for start, end in sorted(stretches):
        before, behind = chance.choice(_WRAPS) if mixed else one
        insertions[start] = insertions.get(start, "") + before
        insertions[end] = behind + insertions.get(end, "")
    return insert(sentence, insertions)


def scatter_spaces(sentence: Sentence, chance: random.Random) -> Sentence:
    """Insert spaces and line breaks where none belong."""
    text = sentence.text
    inner = {at for span in sentence.spans for at in range(span.start + 1, span.end)}
    way = chance.random()
    if way < 0.25:
        # Outside names only.
        share, inside, kinds = 0.15, 0.0, _SPACES
    elif way < 0.7:
        share, inside, kinds = chance.choice((0.04, 0.1, 0.2)), chance.choice((0.04, 0.1, 0.2)), _SPACES
    elif way < 0.8:
        # A space between all characters.
        share, inside, kinds = 1.0, 1.0, (" ",)
    elif way < 0.9:
        # Lines are broken at a fixed length.
        width, begin = chance.randint(8, 30), chance.randint(1, 20)
        mark = chance.choice(("\n", "\r\n", " \n"))
        return insert(sentence, {at: mark for at in range(begin, len(text), width) if at > 0})
    else:
        marks = {at for span in sentence.spans for at in (span.start, span.end)}
        return insert(sentence, {at: " " for at in marks if 0 < at < len(text)})
    kept = kinds if chance.random() < 0.6 else (" ",)
    chosen = {
        at: chance.choice(kept) for at in range(1, len(text)) if chance.random() < (inside if at in inner else share)
    }
    return insert(sentence, chosen)


def change_dots(sentence: Sentence, chance: random.Random) -> Sentence:
    """Replace the middle dots in names with another kind of dot."""
    inside = {at for span in sentence.spans for at in range(span.start, span.end)}
    dot = chance.choice(_DOTS)
    text = "".join(dot if mark == "·" and at in inside else mark for at, mark in enumerate(sentence.text))
    return replace(sentence, text=text)


def change_amounts(sentence: Sentence, share: float, chance: random.Random) -> Sentence:
    """Replace a share of the sums of money with random ones, written in various ways."""
    edits = [
        Edit(span.start, span.end, draw_amount(chance))
        for span in sentence.spans
        if span.type == "MONEY" and chance.random() < share
    ]
    return splice(sentence, edits)


class Noise:
    """Applies each change with its probability."""

    def __init__(self, rates: Noises) -> None:
        self._rates = rates

    def __call__(self, sentence: Sentence, chance: random.Random) -> Sentence:
        rates = self._rates
        if not sentence.text:
            return sentence
        sentence = change_amounts(sentence, rates.amounts, chance)
        if "·" in sentence.text and chance.random() < rates.dots:
            sentence = change_dots(sentence, chance)
        if chance.random() < rates.spaces:
            sentence = scatter_spaces(sentence, chance)
        if chance.random() < rates.wrap:
            sentence = wrap(sentence, chance)
        if chance.random() < rates.start:
            sentence = insert(sentence, {0: chance.choice(_STARTS)})
        if chance.random() < rates.end:
            sentence = insert(sentence, {len(sentence.text): chance.choice(_ENDS)})
        return sentence
