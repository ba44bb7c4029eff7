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

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from ner_runtime.inference.span_rules import Interval
from ner_runtime.inference.spans import Span

SEPARATOR = "，"
"""Stands for a URL, an e-mail address or a border. It ends a clause, and names do not contain it."""


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


@dataclass(frozen=True, slots=True)
class _Edit:
    """Removes a part of a text, or replaces it by one character."""

    start: int
    end: int
    replacement: str = ""


# A text without any of these has no markup. 【】 mark headings and columns; names do not contain them.
_MAY_BE_MARKUP = re.compile(r"[*_~`#<>&|\[@【】〖〗]|://|www\.|^[ \t]*[-+] ", re.IGNORECASE | re.MULTILINE)
# Every match of `_MAY_BE_MARKUP` contains one of these, which are found in a tenth of the time.
_IN_MARKUP = frozenset("*_~`#<>&|[@【】〖〗:wW-+")

_HAN = "\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# A URL contains Chinese characters only after one of its delimiters, as in /wiki/北京 and ?q=李娜: text often follows
# a URL without a space.
_URL = re.compile(
    rf"(?:(?<![A-Za-z0-9])(?:https?|ftps?|wss?)://|(?<![A-Za-z0-9@.])www\.(?=[A-Za-z0-9{_HAN}]))"
    rf"(?:[A-Za-z0-9\-._~/?#@!$&'*+,;=:%()]|(?<=[/=.\-_+?&#:])[{_HAN}·]+)+",
    re.IGNORECASE,
)
_URL_END = re.compile(r"[.,;:!?'*_~&]+\Z")
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+\-])(?:mailto:)?[A-Za-z0-9._%+\-]+@"
    rf"(?:[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+|[A-Za-z0-9\-{_HAN}]+(?:\.(?:com|net|org|cn|中国|公司|网络))+)"
)
_TAG = re.compile(
    r"</?(?P<name>[A-Za-z][A-Za-z0-9:\-]*)"
    r"(?:\s+[A-Za-z_:@][\w:.\-]*\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'<>=`]+)"
    r"|\s+(?:disabled|checked|hidden|required|open|async|defer|selected|controls)(?=[\s/>]))*\s*/?>"
)
_BLOCK_TAG_NAMES = """
address article aside blockquote body br caption center dd div dl dt figcaption figure footer form h1 h2 h3 h4 h5 h6
head header hr html legend li main nav ol option p pre section table tbody td tfoot th thead title tr ul
"""
_BLOCK_TAGS = frozenset(_BLOCK_TAG_NAMES.split())
_HIDDEN_START = re.compile(r"<!--|<!DOCTYPE\b|<(?:script|style)\b[^<>]*>", re.IGNORECASE)
_HIDDEN_END = {
    "<!-": re.compile("-->"),
    "<!d": re.compile(">"),
    "<sc": re.compile(r"</script\s*>", re.IGNORECASE),
    "<st": re.compile(r"</style\s*>", re.IGNORECASE),
}
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_LINK = re.compile(
    r"(?P<open>!?\[)(?P<label>(?:[^\[\]\n]|\[[^\[\]\n]{0,200}\]){0,500})"
    r"(?P<close>\](?:\((?:[^()\n]|\([^()\n]{0,500}\)){0,2000}\)|\[[^\[\]\n]{0,200}\]))"
)
_LINE = re.compile(r"[^\n]+")
_LINE_START = re.compile(r"[ \t]*(?:(?:>[ \t]?)+[ \t]*)?(?:#{1,6}[ \t]+|[-*+][ \t]+(?:\[[ xX]\][ \t]+)?)?")
_FENCE = re.compile(r"[ \t]*(?:```+|~~~+)[^`]*\Z")
_BORDER = re.compile(r"[ \t]*\|[ \t]*")
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


_ASTERISKS = [_emphasis(mark, inside_words=True) for mark in ("***", "**", "*")]
_EMPHASIS = [
    _emphasis("~~", inside_words=True),
    *(_emphasis(mark, inside_words=False) for mark in ("___", "__", "_")),
]
_IS_HAN = re.compile(f"[{_HAN}]")
# Asterisks also hide parts of names, as in `张**和李**` and `在**市**小区`. The text between such asterisks is a
# single character, begins with the generic part of a name, or begins or ends with a function word.
_GENERIC = (
    "省|市|区|县|镇|乡|村|组|屯|路|街|巷|弄|号|幢|栋|社|店|牌|某|公司|有限|小区|大道|大厦|市场|广场|山庄|地铁|网咖|网吧"
    "|酒店|宾馆|超市|学校|出租屋"
)
_HIDES_NAME = re.compile(
    f"(?:{_GENERIC}|[和与及或的在到对被把将是、，。；：])|.*[与及或的在从向对被把是至、，]$|[{_HAN}]$"
)
_BOUNDARY = frozenset(SEPARATOR + "。！？；：、,.!?;:\n")
# Markup that is left, and other characters that no name contains; between Latin letters or digits they are allowed.
_RUN = re.compile(r"\*+")
_LEFT = re.compile(r"[*`|<>【】〖〗]+|~~+|[#@_]+")


def prepare_text(text: str) -> PreparedText:
    """Hide the markup of a text."""
    if _IN_MARKUP.isdisjoint(text) or not _MAY_BE_MARKUP.search(text):
        return PreparedText(text)
    return _apply(text, _edits(text))


def _edits(text: str) -> list[_Edit]:
    """Find all markup; return sorted, disjoint edits."""
    edits: list[_Edit] = []
    for find in _FINDERS:
        found = list(find(text))
        edits += found
        # Overwrite the markup found so far with a character that is not markup, so that positions stay the same.
        text = _overwritten(text, found)
    return sorted(edits, key=lambda edit: edit.start)


def _overwritten(text: str, edits: Iterable[_Edit]) -> str:
    pieces: list[str] = []
    end = 0
    for edit in edits:
        pieces += [text[end : edit.start], "\x00" * (edit.end - edit.start)]
        end = edit.end
    return "".join([*pieces, text[end:]])


def _hidden(text: str) -> Iterator[_Edit]:
    """Find comments, document types, scripts and styles."""
    end = 0
    # Kinds whose end does not occur in the rest of the text: it is searched for only once.
    unclosed: set[str] = set()
    while start := _HIDDEN_START.search(text, end):
        kind = start[0][:3].lower()
        closing = None if kind in unclosed else _HIDDEN_END[kind].search(text, start.end())
        if closing:
            yield _Edit(start.start(), closing.end(), SEPARATOR)
        else:
            unclosed.add(kind)
        end = closing.end() if closing else start.end()


def _links(text: str) -> Iterator[_Edit]:
    """Find the brackets and addresses of links and images; the label stays."""
    for link in _LINK.finditer(text):
        if _is_address(link["close"][2:-1]):
            yield _Edit(*link.span("open"))
            yield _Edit(*link.span("close"))


def _is_address(text: str) -> bool:
    """Return whether the text after a label is an address, and not a remark, as in `[张伟](记者)`."""
    address = text.split(maxsplit=1)[0] if text.strip() else ""
    return address.isascii() or "/" in address or address.startswith(("#", "www."))


def _tags(text: str) -> Iterator[_Edit]:
    for tag in _TAG.finditer(text):
        yield _Edit(*tag.span(), SEPARATOR if tag["name"].lower() in _BLOCK_TAGS else "")


def _urls(text: str) -> Iterator[_Edit]:
    for url in _URL.finditer(text):
        address = _URL_END.sub("", url[0])
        while address.endswith(")") and address.count("(") < address.count(")"):
            address = _URL_END.sub("", address[:-1])
        start, end = url.start(), url.start() + len(address)
        in_brackets = text[start - 1 : start] == "<" and text[end : end + 1] == ">"
        yield _Edit(start - in_brackets, end + in_brackets, SEPARATOR)


def _emails(text: str) -> Iterator[_Edit]:
    for email in _EMAIL.finditer(text):
        in_brackets = text[email.start() - 1 : email.start()] == "<" and text[email.end() : email.end() + 1] == ">"
        yield _Edit(email.start() - in_brackets, email.end() + in_brackets, SEPARATOR)


def _entities(text: str) -> Iterator[_Edit]:
    for entity in _ENTITY.finditer(text):
        character = html.unescape(entity[0])
        if len(character) == 1:
            yield _Edit(*entity.span(), character)


def _lines(text: str) -> Iterator[_Edit]:
    """Find code fences, tables, and the marks of headings, quotes and bullets."""
    lines = list(_LINE.finditer(text))
    rows = _table_rows([line[0] for line in lines])
    for index, line in enumerate(lines):
        if _FENCE.match(line[0]) or _is_table_rule(line[0]):
            yield _Edit(*line.span())
        elif index in rows:
            for border in _BORDER.finditer(text, *line.span()):
                outer = border.start() == line.start() or border.end() == line.end()
                yield _Edit(*border.span(), "" if outer else SEPARATOR)
        elif (mark := _LINE_START.match(line[0])) and mark[0].strip():
            yield _Edit(line.start(), line.start() + mark.end())


def _table_rows(lines: Sequence[str]) -> set[int]:
    """Return the indices of table rows: lines between borders, and lines next to the rule below a table head."""
    rows = {index for index, line in enumerate(lines) if len(row := line.strip()) > 1 and row[0] == row[-1] == "|"}
    for index, line in enumerate(lines):
        if _is_table_rule(line):
            rows.add(index - 1)
            rows.update(takewhile(lambda row: "|" in lines[row], range(index + 1, len(lines))))
    return rows


def _is_table_rule(line: str) -> bool:
    return "|" in line and "-" in line and not line.strip("|-: \t")


def _asterisks(text: str) -> Iterator[_Edit]:
    """Find emphasis with asterisks, line by line.

    If an asterisk of a line is neither emphasis nor part of a word, all asterisks of the line stay.
    """
    for line in _LINE.finditer(text):
        if "*" in line[0]:
            yield from _asterisks_of_line(line[0], line.start())


def _asterisks_of_line(line: str, offset: int) -> list[_Edit]:
    edits: list[_Edit] = []
    rest = line
    for pattern in _ASTERISKS:
        pairs = list(pattern.finditer(rest))
        if any(_HIDES_NAME.match(line[pair.end("open") : pair.start("close")].strip("*")) for pair in pairs):
            return []
        found = [_Edit(*pair.span(group)) for pair in pairs for group in ("open", "close")]
        edits += found
        rest = _overwritten(rest, found)
    if any(not _is_inside_word(rest, *run.span()) for run in _RUN.finditer(rest)):
        return []
    return sorted((_Edit(edit.start + offset, edit.end + offset) for edit in edits), key=lambda edit: edit.start)


def _pairs(pattern: re.Pattern[str]) -> Callable[[str], Iterator[_Edit]]:
    """Return a finder for the groups `open` and `close` of a pattern."""

    def find(text: str) -> Iterator[_Edit]:
        for pair in pattern.finditer(text):
            yield _Edit(*pair.span("open"))
            yield _Edit(*pair.span("close"))

    return find


# `_links` runs twice: the label of a link can contain an image.
_FINDERS: Sequence[Callable[[str], Iterator[_Edit]]] = (
    *(_hidden, _links, _links, _tags, _urls, _emails, _entities, _lines),
    *(_pairs(pattern) for pattern in (_CODE, *_EMPHASIS)),
    _asterisks,
)


def _apply(text: str, edits: Sequence[_Edit]) -> PreparedText:
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
    for edit in (*edits, _Edit(len(text), len(text))):
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
    hides_names = any(_IS_HAN.match(text[run.start() - 1]) for run in _RUN.finditer(text, 1))
    left = [
        mark.span()
        for mark in _LEFT.finditer(text)
        if not (hides_names and mark[0][0] == "*") and not _is_inside_word(text, *mark.span())
    ]
    return sorted([*left, *((position, position + 1) for position in separators), *((gap, gap) for gap in gaps)])


def _is_inside_word(text: str, start: int, end: int) -> bool:
    """Return whether a mark is part of a Latin word or a number, as in `E*TRADE` and `C#`."""
    before, after = text[start - 1 : start], text[end : end + 1]
    return before.isascii() and before.isalnum() and ((after.isascii() and after.isalnum()) or text[start:end] == "#")
