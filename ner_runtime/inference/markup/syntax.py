"""Find HTML, URLs, e-mail addresses, and the links, tables and line starts of Markdown.

Source: CommonMark 0.31, GitHub Flavored Markdown 0.29 (tables), WHATWG HTML (entities).
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Sequence

from ner_runtime.inference.markup.edits import HAN, SEPARATOR, Edit

# A URL contains Chinese characters only after one of its delimiters, as in /wiki/北京 and ?q=李娜: text often follows
# a URL without a space.
_URL = re.compile(
    rf"(?:(?<![A-Za-z0-9])(?:https?|ftps?|wss?)://|(?<![A-Za-z0-9@.])www\.(?=[A-Za-z0-9{HAN}]))"
    rf"(?:[A-Za-z0-9\-._~/?#@!$&'*+,;=:%()]|(?<=[/=.\-_+?&#:])[{HAN}·]+)+",
    re.IGNORECASE,
)
_AFTER_URL = ".,;:!?'*_~&"
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+\-])(?:mailto:)?[A-Za-z0-9._%+\-]+@"
    rf"(?:[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+|[A-Za-z0-9\-{HAN}]+(?:\.(?:com|net|org|cn|中国|公司|网络))+)"
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
# Without possessive quantifiers and the lookbehind, a long run of one character would take quadratic time.
_FENCE = re.compile(r"[ \t]*(?:```++|~~~++)[^`]*\Z")
_BORDER = re.compile(r"(?:(?<![ \t])[ \t]++)?\|[ \t]*")


def _hidden(text: str) -> Iterator[Edit]:
    """Find comments, document types, scripts and styles."""
    end = 0
    # Kinds whose end does not occur in the rest of the text: it is searched for only once.
    unclosed: set[str] = set()
    while start := _HIDDEN_START.search(text, end):
        kind = start[0][:3].lower()
        closing = None if kind in unclosed else _HIDDEN_END[kind].search(text, start.end())
        if closing:
            yield Edit(start.start(), closing.end(), SEPARATOR)
        else:
            unclosed.add(kind)
        end = closing.end() if closing else start.end()


def _links(text: str) -> Iterator[Edit]:
    """Find the brackets and addresses of links and images; the label stays."""
    for link in _LINK.finditer(text):
        if _is_address(link["close"][2:-1]):
            yield Edit(*link.span("open"))
            yield Edit(*link.span("close"))


def _is_address(text: str) -> bool:
    """Return whether the text after a label is an address, and not a remark, as in `[张伟](记者)`."""
    address = text.split(maxsplit=1)[0] if text.strip() else ""
    return address.isascii() or "/" in address or address.startswith(("#", "www."))


def _tags(text: str) -> Iterator[Edit]:
    for tag in _TAG.finditer(text):
        yield Edit(*tag.span(), SEPARATOR if tag["name"].lower() in _BLOCK_TAGS else "")


def _urls(text: str) -> Iterator[Edit]:
    for url in _URL.finditer(text):
        start, end = url.start(), url.start() + _address_length(url[0])
        in_brackets = text[start - 1 : start] == "<" and text[end : end + 1] == ">"
        yield Edit(start - in_brackets, end + in_brackets, SEPARATOR)


def _address_length(url: str) -> int:
    """Return the length of a URL without the punctuation and the unpaired closing parentheses at its end."""
    unpaired = url.count(")") - url.count("(")
    end = len(url)
    while url[end - 1] in _AFTER_URL or (url[end - 1] == ")" and unpaired > 0):
        unpaired -= url[end - 1] == ")"
        end -= 1
    return end


def _emails(text: str) -> Iterator[Edit]:
    for email in _EMAIL.finditer(text):
        in_brackets = text[email.start() - 1 : email.start()] == "<" and text[email.end() : email.end() + 1] == ">"
        yield Edit(email.start() - in_brackets, email.end() + in_brackets, SEPARATOR)


def _entities(text: str) -> Iterator[Edit]:
    for entity in _ENTITY.finditer(text):
        character = html.unescape(entity[0])
        if len(character) == 1:
            yield Edit(*entity.span(), character)


def _lines(text: str) -> Iterator[Edit]:
    """Find code fences, tables, and the marks of headings, quotes and bullets."""
    lines = list(_LINE.finditer(text))
    rows = _table_rows([line[0] for line in lines])
    for index, line in enumerate(lines):
        if _FENCE.match(line[0]) or _is_table_rule(line[0]):
            yield Edit(*line.span())
        elif index in rows:
            for border in _BORDER.finditer(text, *line.span()):
                outer = border.start() == line.start() or border.end() == line.end()
                yield Edit(*border.span(), "" if outer else SEPARATOR)
        elif (mark := _LINE_START.match(line[0])) and mark[0].strip():
            yield Edit(line.start(), line.start() + mark.end())


def _table_rows(lines: Sequence[str]) -> set[int]:
    """Return the indices of table rows: lines between borders, and lines next to the rule below a table head."""
    rows = {index for index, line in enumerate(lines) if len(row := line.strip()) > 1 and row[0] == row[-1] == "|"}
    below_rule = False
    for index, line in enumerate(lines):
        if _is_table_rule(line):
            rows.add(index - 1)
            below_rule = True
        elif below_rule and "|" in line:
            rows.add(index)
        else:
            below_rule = False
    return rows


def _is_table_rule(line: str) -> bool:
    return "|" in line and "-" in line and not line.strip("|-: \t")


# `_links` runs twice: the label of a link can contain an image.
FINDERS: Sequence[Callable[[str], Iterator[Edit]]] = (_hidden, _links, _links, _tags, _urls, _emails, _entities, _lines)
