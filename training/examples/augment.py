"""Vary sentences: change names, width, script and punctuation, and move the spans accordingly.

Every change either replaces single characters or is a list of edits, none of which cuts into a span. All random choices
come from the generator that is passed in.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from training.data.corpora import Sentence, Span
from training.data.names import Names
from training.data.script import (
    ALPHANUMERIC_TO_FULL,
    FULL_TO_HALF,
    HALF_TO_FULL,
    simplified_table,
    traditional_table,
)

# Chinese punctuation to the ASCII characters typed instead; FULL_TO_HALF does not contain the last four.
PUNCTUATION_TO_HALF = {**FULL_TO_HALF, ord("。"): ".", ord("、"): ",", ord("“"): '"', ord("”"): '"'}
_ALPHANUMERIC_TO_HALF = {code: form for code, form in FULL_TO_HALF.items() if form.isalnum()}
_SEPARATORS = (" ", "，", ",", "、", "！", "~", "。")


@dataclass(frozen=True, slots=True)
class Edit:
    """Replaces code points `start` to `end` (exclusive) with `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Rates:
    """The probability of each change to a sentence.

    Attributes:
        swap: some names are replaced
        swapped_share: share of the names that are replaced in such a sentence
        half: digits and letters, sometimes also punctuation, become half-width
        full: digits and letters, sometimes all ASCII characters, become full-width
        traditional: simplified script becomes traditional, and traditional script becomes simplified
        bare: all punctuation is removed
        punctuation: some punctuation marks are replaced
        open_end: the punctuation mark at the end is removed
    """

    swap: float = 0.4
    swapped_share: float = 0.5
    half: float = 0.5
    full: float = 0.1
    traditional: float = 0.06
    bare: float = 0.3
    punctuation: float = 0.08
    open_end: float = 0.2


def splice(sentence: Sentence, edits: Sequence[Edit]) -> Sentence:
    """Apply sorted, disjoint edits. Each edit is outside all spans or replaces exactly one span."""
    parts: list[str] = []
    spans: list[Span] = []
    position = length = 0
    pending = iter(sentence.spans)
    span = next(pending, None)

    def copy(end: int) -> None:
        nonlocal position, length, span
        while span is not None and span.end <= end:
            spans.append(Span(span.start - position + length, span.end - position + length, span.type))
            span = next(pending, None)
        parts.append(sentence.text[position:end])
        length += end - position
        position = end

    for edit in edits:
        copy(edit.start)
        if span is not None and span.start == edit.start and span.end == edit.end:
            if edit.text:
                spans.append(Span(length, length + len(edit.text), span.type))
            span = next(pending, None)
        parts.append(edit.text)
        length += len(edit.text)
        position = edit.end
    copy(len(sentence.text))
    return replace(sentence, text="".join(parts), spans=tuple(spans))


def swap_names(sentence: Sentence, names: Names, share: float, chance: random.Random) -> Sentence:
    """Replace a share of the names with others of the same type; names of one character are kept."""
    edits: list[Edit] = []
    for span in sentence.spans:
        if span.type is None or span.end - span.start < 2 or chance.random() >= share:
            continue
        name = names.draw(span.type, chance)
        if name is not None:
            edits.append(Edit(span.start, span.end, name))
    return splice(sentence, edits)


def translate(sentence: Sentence, table: dict[int, str]) -> Sentence:
    """Replace single characters with single characters, as in `str.translate`."""
    return replace(sentence, text=sentence.text.translate(table))


def strip_punctuation(sentence: Sentence) -> Sentence:
    """Remove all punctuation, except in spans and between digits."""
    return splice(sentence, [Edit(at, at + 1, "") for at in _loose_marks(sentence)])


def vary_punctuation(sentence: Sentence, chance: random.Random) -> Sentence:
    """Replace about half of the punctuation marks with random separators."""
    marks = [at for at in _loose_marks(sentence) if chance.random() < 0.5]
    return splice(sentence, [Edit(at, at + 1, chance.choice(_SEPARATORS)) for at in marks])


def open_end(sentence: Sentence) -> Sentence:
    """Remove the punctuation mark at the end."""
    last = len(sentence.text) - 1
    return splice(sentence, [Edit(last, last + 1, "")]) if last in _loose_marks(sentence) else sentence


def _loose_marks(sentence: Sentence) -> list[int]:
    inside = {at for span in sentence.spans for at in range(span.start, span.end)}
    text = sentence.text
    return [at for at, mark in enumerate(text) if at not in inside and _is_mark(mark) and not _in_number(text, at)]


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("P") and character not in "%％*＊@＠#＃&＆/／·"


def _in_number(text: str, at: int) -> bool:
    return 0 < at < len(text) - 1 and text[at - 1].isdigit() and text[at + 1].isdigit()


class Augmenter:
    """Applies each change with its probability."""

    def __init__(
        self, names: Names, rates: Rates, noise: Callable[[Sentence, random.Random], Sentence] | None = None
    ) -> None:
        self._names = names
        self._rates = rates
        self._noise = noise

    def __call__(self, sentence: Sentence, chance: random.Random) -> Sentence:
        rates = self._rates
        if sentence.spans and chance.random() < rates.swap:
            sentence = swap_names(sentence, self._names, rates.swapped_share, chance)
        sentence = self._punctuate(sentence, chance)
        sentence = self._resize(sentence, chance)
        if chance.random() < rates.traditional:
            traditional = sentence.text.translate(simplified_table()) != sentence.text
            sentence = translate(sentence, simplified_table() if traditional else traditional_table())
        return self._noise(sentence, chance) if self._noise else sentence

    def _punctuate(self, sentence: Sentence, chance: random.Random) -> Sentence:
        rates, roll = self._rates, chance.random()
        if roll < rates.bare:
            return strip_punctuation(sentence)
        if roll < rates.bare + rates.punctuation:
            return vary_punctuation(sentence, chance)
        if roll < rates.bare + rates.punctuation + rates.open_end:
            return open_end(sentence)
        return sentence

    def _resize(self, sentence: Sentence, chance: random.Random) -> Sentence:
        rates, roll = self._rates, chance.random()
        if roll < rates.half:
            return translate(sentence, PUNCTUATION_TO_HALF if chance.random() < 0.3 else _ALPHANUMERIC_TO_HALF)
        if roll < rates.half + rates.full:
            return translate(sentence, HALF_TO_FULL if chance.random() < 0.3 else ALPHANUMERIC_TO_FULL)
        return sentence
