"""Read CoNLL files: a token and its tag on each line, and an empty line after each sentence.

Columns are separated by tabs or spaces; the first is the token, the last the tag. Tags follow the BIO or BIOES
scheme, or BMES or BILOU, which are BIOES with other letters. Tokens are joined without spaces, except between two words
of ASCII letters or digits.

Source: Tjong Kim Sang and De Meulder 2003, https://aclanthology.org/W03-0419/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ner_runtime.jsonl import Annotation, Sentence
from ner_runtime.text_files.lines import Line, LineError

_TAG = re.compile(r"O|[BIESMLU]-[^\s\"\[\]{}]+")
_WORD_END, _WORD_START = re.compile(r"[A-Za-z0-9]$"), re.compile(r"[A-Za-z0-9]")
_DOCUMENT_START = "-DOCSTART-"
# BMES and BILOU use other letters for the same positions.
_POSITIONS = {"M": "I", "L": "E", "U": "S"}


@dataclass(frozen=True, slots=True)
class _Token:
    line: int
    text: str
    position: str
    type: str

    @property
    def tag(self) -> str:
        return f"{self.position}-{self.type}" if self.type else self.position


def is_conll(line: str) -> bool:
    """Return whether a line is a token and a tag, a comment, or the start of a document."""
    return line.startswith(_DOCUMENT_START) or _is_comment(line) or _columns(line) is not None


def read_conll(lines: Sequence[Line]) -> tuple[str, list[Sentence]]:
    """Return the tagging scheme of a file, `BIO` or `BIOES`, and its sentences.

    Raises:
        LineError: a line is not a token and a tag, or a tag cannot follow the tag before it.
    """
    sentences = [
        [_token(number, line) for number, line in group]
        for is_text, group in groupby(_without_comments(lines), key=lambda line: bool(line[1].strip()))
        if is_text
    ]
    with_ends = any(token.position in "ES" for tokens in sentences for token in tokens)
    return "BIOES" if with_ends else "BIO", [_sentence(tokens, with_ends) for tokens in sentences]


def _without_comments(lines: Sequence[Line]) -> Iterator[Line]:
    for number, line in lines:
        # The start of a document ends a sentence.
        yield from [] if _is_comment(line) else [(number, "" if line.startswith(_DOCUMENT_START) else line)]


def _is_comment(line: str) -> bool:
    return line.startswith("# ") and _columns(line) is None


def _columns(line: str) -> tuple[str, str] | None:
    columns = line.split("\t") if "\t" in line else _split_at_spaces(line)
    if len(columns) < 2 or not columns[0] or not _TAG.fullmatch(columns[-1].strip()):
        return None
    return columns[0], columns[-1].strip()


def _split_at_spaces(line: str) -> list[str]:
    # Other white space, such as U+3000, can be a token.
    columns = [column for column in line.split(" ") if column]
    return columns if len(columns) > 1 else line.split()


def _token(number: int, line: str) -> _Token:
    columns = _columns(line)
    if columns is None:
        raise LineError(number, "not a token and a tag such as O or B-PER")
    text, tag = columns
    position, _, type_ = tag.partition("-")
    return _Token(number, text, _POSITIONS.get(position, position), type_)


def _sentence(tokens: Sequence[_Token], with_ends: bool) -> Sentence:
    _check_order(tokens, with_ends)
    text, previous = "", ""
    spans: list[Annotation] = []
    for token in tokens:
        if _needs_space(previous, token.text):
            text += " "
        previous = token.text
        start = len(text)
        text += token.text
        if token.position in "BS":
            spans.append(Annotation(token.type, start, len(text)))
        elif token.position in "IE":
            spans[-1] = Annotation(token.type, spans[-1].start, len(text))
    return Sentence(text, tuple(spans))


def _check_order(tokens: Sequence[_Token], with_ends: bool) -> None:
    """Check that each tag may follow the one before it. In BIOES, an entity of several tokens must end with E."""
    before = _Token(tokens[0].line, "", "O", "")
    for token in tokens:
        inside = before.position in "BI"
        if token.position in "IE" and not (inside and before.type == token.type):
            raise LineError(token.line, f"{token.tag} follows {before.tag}; expected B-{token.type} before it")
        if with_ends and token.position in "OBS" and inside:
            raise LineError(token.line, f"{token.tag} follows {before.tag}; expected E-{before.type} before it")
        before = token
    if with_ends and before.position in "BI":
        raise LineError(
            before.line, f"the sentence ends with {before.tag}; expected E-{before.type} or S-{before.type}"
        )


def _needs_space(left: str, right: str) -> bool:
    """Return whether two tokens are ASCII words that need a space between them. Two single characters do not."""
    return max(len(left), len(right)) > 1 and bool(_WORD_END.search(left) and _WORD_START.match(right))
