"""Hide markup from the model: Markdown, HTML, URLs and e-mail addresses.

The model gets the text as a reader sees it: `**李娜**在<b>上海</b>` becomes `李娜在上海`. Each code point of the result
keeps the positions of the original text that it stands for, so that offsets stay exact. Text without markup is
unchanged.

- Removed: paired emphasis marks (`**`, `*`, `__`, `_`, `~~`, and backticks), code fences, the marks of headings, quotes
  and bullets at the start of a line, brackets and addresses of links and images, HTML tags, comments, scripts, styles.
- Replaced by a comma, unless it would stand next to punctuation or at an end of the text: URLs, e-mail addresses,
  borders of table cells, and tags of HTML blocks.
- Replaced by one character: HTML entities such as `&amp;` and `&#24352;`.

`PreparedText.excluded` lists the places that no span may contain: where markup was removed, the commas, and the markup
characters that are left. `span_rules.repair_spans` applies it.

Source: CommonMark 0.31 (emphasis, links), GitHub Flavored Markdown 0.29 (tables, `~~`), WHATWG HTML (entities).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ner_runtime.inference.markup import emphasis, syntax
from ner_runtime.inference.markup.edits import ASTERISKS, IS_HAN, SEPARATOR, Edit, is_inside_word, overwritten
from ner_runtime.inference.span_rules import Interval
from ner_runtime.inference.spans import Span

# A text without any of these has no markup. 【】 mark headings and columns; names do not contain them.
_MAY_BE_MARKUP = re.compile(r"[*_~`#<>&|\[@【】〖〗]|://|www\.|^[ \t]*[-+] ", re.IGNORECASE | re.MULTILINE)
# Every match of `_MAY_BE_MARKUP` contains one of these, which are found in a tenth of the time.
_IN_MARKUP = frozenset("*_~`#<>&|[@【】〖〗:wW-+")
_BOUNDARY = frozenset(SEPARATOR + "。！？；：、,.!?;:\n")
# Markup that is left, and other characters that no name contains; between Latin letters or digits they are allowed.
_LEFT = re.compile(r"[*`|<>【】〖〗]+|~~+|[#@_]+")


@dataclass(frozen=True, slots=True)
class PreparedText:
    """A text as the model gets it."""

    text: str
    excluded: Sequence[Interval] = ()
    """Parts of `text` that no span may contain, sorted; an empty interval is a gap where markup was removed."""
    origin: Sequence[Interval] | None = None
    """For each code point of `text`, the part of the original text that it stands for; None: the texts are equal."""

    def to_original(self, span: Span) -> Span:
        """Convert the positions of a span into positions of the original text."""
        if self.origin is None:
            return span
        return Span(span.type, self.origin[span.start][0], self.origin[span.end - 1][1], span.score, span.source)


def prepare_text(text: str) -> PreparedText:
    """Hide the markup of a text."""
    if _IN_MARKUP.isdisjoint(text) or not _MAY_BE_MARKUP.search(text):
        return PreparedText(text)
    return _apply(text, _edits(text))


def _edits(text: str) -> list[Edit]:
    """Find all markup; return sorted, disjoint edits."""
    edits: list[Edit] = []
    for find in (*syntax.FINDERS, *emphasis.FINDERS):
        found = list(find(text))
        edits += found
        text = overwritten(text, found)
    return sorted(edits, key=lambda edit: edit.start)


def _apply(text: str, edits: Sequence[Edit]) -> PreparedText:
    """Apply sorted, disjoint edits. A separator is left out next to punctuation, a line break or another separator."""
    if not edits:
        return PreparedText(text, _excluded(text, [], []))
    characters: list[str] = []
    origin: list[Interval] = []
    separators: list[int] = []
    border: Interval | None = None

    def add(character: str, start: int, end: int) -> None:
        nonlocal border
        if border and characters and character not in _BOUNDARY and characters[-1] not in _BOUNDARY:
            separators.append(len(characters))
            characters.append(SEPARATOR)
            origin.append(border)
        border = None
        characters.append(character)
        origin.append((start, end))

    position = 0
    for edit in (*edits, Edit(len(text), len(text))):
        for index in range(position, edit.start):
            add(text[index], index, index + 1)
        if edit.replacement == SEPARATOR:
            border = (edit.start, edit.end)
        elif edit.replacement:
            add(edit.replacement, edit.start, edit.end)
        position = edit.end
    gaps = [index for index in range(1, len(origin)) if origin[index - 1][1] != origin[index][0]]
    prepared = "".join(characters)
    return PreparedText(prepared, _excluded(prepared, separators, gaps), origin)


def _excluded(text: str, separators: Iterable[int], gaps: Iterable[int]) -> list[Interval]:
    hides_names = any(IS_HAN.match(text[run.start() - 1]) for run in ASTERISKS.finditer(text, 1))
    left = [
        mark.span()
        for mark in _LEFT.finditer(text)
        if not (hides_names and mark[0][0] == "*") and not is_inside_word(text, *mark.span())
    ]
    return sorted([*left, *((position, position + 1) for position in separators), *((gap, gap) for gap in gaps)])
