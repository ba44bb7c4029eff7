"""Find Markdown emphasis: asterisks, underscores, tildes and backticks in a line.

Asterisks also hide parts of names, as in `张**和李**` and `在**市**小区`. The text between such asterisks is a single
character, begins with the generic part of a name, or begins or ends with a function word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from ner_runtime.inference.markup.edits import ASTERISKS, HAN, Edit, is_inside_word, overwritten

_LINE = re.compile(r"[^\n]+")
_CODE = re.compile(r"(?<![\\`])(?P<open>`{1,3})(?=[^`\n)）])[^\n]{1,300}?(?<!`)(?P<close>(?P=open))(?!`)")


def _emphasis(mark: str, *, inside_words: bool) -> re.Pattern[str]:
    """Return a pattern for text between two marks, whose groups `open` and `close` are the marks.

    Marks between two Latin letters or digits do not count, as in `3*4*5`. Without `inside_words`, marks next to one
    such character do not count either.
    """
    character, escaped = re.escape(mark[0]), re.escape(mark)
    before, after = "(?<![0-9A-Za-z])", "(?![0-9A-Za-z])"
    start = f"(?:{before}{escaped}|{escaped}{after})" if inside_words else f"{before}{escaped}"
    end = f"(?:{before}{escaped}|{escaped}{after})" if inside_words else f"{escaped}{after}"
    return re.compile(
        rf"(?<![\\{character}])(?P<open>{start})(?![\s{character})）])"
        rf"[^\n]{{1,300}}?(?<![\s\\{character}])(?P<close>{end})(?!{character})"
    )


_WITH_ASTERISKS = [_emphasis(mark, inside_words=True) for mark in ("***", "**", "*")]
_WITHOUT_ASTERISKS = [
    _emphasis("~~", inside_words=True),
    *(_emphasis(mark, inside_words=False) for mark in ("___", "__", "_")),
]
_GENERIC = (
    "省|市|区|县|镇|乡|村|组|屯|路|街|巷|弄|号|幢|栋|社|店|牌|某|公司|有限|小区|大道|大厦|市场|广场|山庄|地铁|网咖|网吧"
    "|酒店|宾馆|超市|学校|出租屋"
)
_HIDES_NAME = re.compile(
    f"(?:{_GENERIC}|[和与及或的在到对被把将是、，。；：])|.*[与及或的在从向对被把是至、，]$|[{HAN}]$"
)


def _pairs(pattern: re.Pattern[str]) -> Callable[[str], Iterator[Edit]]:
    """Return a finder for the groups `open` and `close` of a pattern."""

    def find(text: str) -> Iterator[Edit]:
        for pair in pattern.finditer(text):
            yield Edit(*pair.span("open"))
            yield Edit(*pair.span("close"))

    return find


def _asterisks(text: str) -> Iterator[Edit]:
    """Find emphasis with asterisks, line by line.

    If an asterisk of a line is neither emphasis nor part of a word, all asterisks of the line stay.
    """
    for line in _LINE.finditer(text):
        if "*" in line[0]:
            yield from _asterisks_of_line(line[0], line.start())


def _asterisks_of_line(line: str, offset: int) -> list[Edit]:
    edits: list[Edit] = []
    rest = line
    for pattern in _WITH_ASTERISKS:
        pairs = list(pattern.finditer(rest))
        if any(_HIDES_NAME.match(line[pair.end("open") : pair.start("close")].strip("*")) for pair in pairs):
            return []
        found = [Edit(*pair.span(group)) for pair in pairs for group in ("open", "close")]
        edits += found
        rest = overwritten(rest, found)
    if any(not is_inside_word(rest, *run.span()) for run in ASTERISKS.finditer(rest)):
        return []
    return sorted((Edit(edit.start + offset, edit.end + offset) for edit in edits), key=lambda edit: edit.start)


FINDERS: Sequence[Callable[[str], Iterator[Edit]]] = (
    *(_pairs(pattern) for pattern in (_CODE, *_WITHOUT_ASTERISKS)),
    _asterisks,
)
