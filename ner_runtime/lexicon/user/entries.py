"""Entries of a user lexicon: the fields of an entry, and the values that they may have."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

Mode = Literal["prefer", "force", "forbid", "hint"]

MODES: tuple[Mode, ...] = get_args(Mode)
ANY_TYPE = "*"
"""In an entry with the mode `forbid`: every type."""
HINT_WEIGHT = 2.0
"""Weight of a hint that gives none, in units of the model's emissions."""
MAX_TEXT = 100
"""Maximum length of an entry, and of each of its contexts, in code points."""
MAX_TYPE = 40

_MAX_WEIGHT = 100.0
_TYPE = re.compile(r"[^\s\x00-\x1f\x7f]+")
_COLOR = re.compile(r"#[0-9A-Fa-f]{3,8}|[A-Za-z]{1,30}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_FIELDS = ("text", "type", "mode", "weight", "left", "right", "color")


@dataclass(frozen=True, slots=True)
class Entry:
    """A name and what an occurrence of it means.

    Attributes:
        text: the name
        type: its entity type, which the model need not know; `*` with `forbid`: every type
        mode: `prefer`: an entity, unless the model finds a longer one that contains it; `force`: always an entity;
            `forbid`: never an entity of this type; `hint`: more likely or less likely an entity
        weight: of a hint, added to the emissions of the model; negative: less likely. None: `HINT_WEIGHT`
        left: text that must precede an occurrence directly; empty: any
        right: text that must follow an occurrence directly; empty: any
        color: colour of the type, if the model does not know the type
    """

    text: str
    type: str
    mode: Mode = "prefer"
    weight: float | None = None
    left: str = ""
    right: str = ""
    color: str | None = None


def checked(entry: Entry) -> Entry:
    """Return the entry without white space around its text and its type.

    Raises:
        ValueError: a field has a value that is not allowed. The message names the field.
    """
    text, type_ = entry.text.strip(), entry.type.strip()
    _check_text("text", text)
    if not text:
        raise ValueError("text: is empty")
    if not _TYPE.fullmatch(type_) or len(type_) > MAX_TYPE:
        raise ValueError(f"type: should be 1 to {MAX_TYPE} characters without white space")
    if entry.mode not in MODES:
        raise ValueError(f"mode: should be {', '.join(MODES[:-1])} or {MODES[-1]}")
    if type_ == ANY_TYPE and entry.mode != "forbid":
        raise ValueError(f"type: {ANY_TYPE} is allowed with the mode forbid only")
    if entry.left or entry.right:
        _check_text("left", entry.left)
        _check_text("right", entry.right)
    if entry.weight is not None:
        if entry.mode != "hint":
            raise ValueError("weight: is allowed with the mode hint only")
        if not math.isfinite(entry.weight) or abs(entry.weight) > _MAX_WEIGHT:
            raise ValueError(f"weight: should be between {-_MAX_WEIGHT:g} and {_MAX_WEIGHT:g}")
    if entry.color is not None and not _COLOR.fullmatch(entry.color):
        raise ValueError("color: should be the name of a colour, or # and hexadecimal digits")
    if (text, type_) == (entry.text, entry.type):
        return entry
    return Entry(text, type_, entry.mode, entry.weight, entry.left, entry.right, entry.color)


def entry_from(value: Any) -> Entry:
    """Make an entry from a JSON object, and check it.

    Raises:
        ValueError: the value is not an object with the fields of an entry.
    """
    if not isinstance(value, Mapping):
        raise ValueError("should be a JSON object")
    unknown = [name for name in value if name not in _FIELDS]
    if unknown:
        raise ValueError(f"unknown field; the fields are {', '.join(_FIELDS)}")
    missing = [name for name in ("text", "type") if value.get(name) is None]
    if missing:
        raise ValueError(f"{missing[0]}: is missing")
    fields = cast("Any", {name: field for name, field in value.items() if field is not None})
    weight = fields.get("weight")
    if weight is not None and (isinstance(weight, bool) or not isinstance(weight, int | float)):
        raise ValueError("weight: should be a number")
    for name in fields:
        if name != "weight" and not isinstance(fields[name], str):
            raise ValueError(f"{name}: should be a string")
    if isinstance(weight, int):
        fields["weight"] = float(max(min(weight, 1000), -1000))
    return checked(Entry(**fields))


def _check_text(name: str, text: str) -> None:
    if len(text) > MAX_TEXT:
        raise ValueError(f"{name}: has {len(text)} characters; the limit is {MAX_TEXT}")
    # Neither control characters nor lone surrogates are printable.
    if text.isprintable():
        return
    if _CONTROL.search(text):
        raise ValueError(f"{name}: contains a line break or a control character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name}: is not valid Unicode") from None
