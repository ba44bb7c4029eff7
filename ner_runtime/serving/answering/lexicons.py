"""Lexicons of a worker: the named ones, and those in requests.

A lexicon in a request is compiled once and kept for later requests with the same entries.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b

from cachetools import LRUCache

from ner_runtime.errors import InvalidValue
from ner_runtime.lexicon.user.entries import Mode
from ner_runtime.lexicon.user.lexicon import Lexicon
from ner_runtime.lexicon.user.matches import LexiconSet
from ner_runtime.lexicon.user.patterns import fold
from ner_runtime.lexicon.user.reader import InvalidEntry, Specification, columns_of
from ner_runtime.lexicon.user.report import LexiconReport
from ner_runtime.serving.api.errors import NotReady, UnknownLexicon
from ner_runtime.serving.api.requests import InlineLexicon, NerOptions

# Longer names of lexicons are cut in messages.
_MAX_NAME = 40
# Larger lexicons of requests are compiled in a thread, so that they do not block the event loop.
_MAX_INLINE_ENTRIES = 100
# Each occurrence of a text is compared with every entry that has it, and a hint of each type is kept: 1,000 hints for
# one character would take 25 GB in a text of 100,000 characters.
_MAX_SAME_TEXT = 8
_MAX_KEPT_BYTES = 16 * 2**20
# Measured: an automaton with one entry (there is one for each mode, with and without contexts), and what is added by an
# entry, by each byte of its text, and by a context.
_AUTOMATON_BYTES, _ENTRY_BYTES, _STATE_BYTES, _CONTEXT_BYTES = 4_000, 100, 16, 500

_Fields = list[tuple[str, Specification]]
"""The text of each entry, and its other fields."""


class Lexicons:
    """The lexicons that requests can use. It belongs to one event loop."""

    def __init__(
        self, default: Sequence[str] = (), max_entries: int = 1_000, max_kept_bytes: int = _MAX_KEPT_BYTES
    ) -> None:
        """Start without named lexicons.

        Args:
            default: names of the lexicons of requests that name none
            max_entries: maximum number of entries of a lexicon in a request
            max_kept_bytes: how much memory the compiled lexicons of requests may take, by estimate
        """
        self.named: dict[str, Lexicon] = {}
        """The named lexicons. `LexiconFolder` updates them."""
        self._default = tuple(default)
        self._max_entries = max_entries
        self._compiled: LRUCache[bytes, tuple[Lexicon, int]] = LRUCache(max_kept_bytes, getsizeof=lambda kept: kept[1])

    async def of(self, options: NerOptions, *, use_default: bool = True) -> LexiconSet | None:
        """Return the lexicons of a request; None if it has none. The request's own lexicon has precedence.

        Args:
            options: the options of the request
            use_default: whether the default lexicons apply to a request that names none

        Raises:
            NotReady: a default lexicon applies, but could not be loaded.
            UnknownLexicon: there is no lexicon with a name in the request.
            InvalidValue: an entry in the request is not valid, or there are too many.
        """
        default = self._default if use_default else ()
        if options.lexicon is None and options.lexicons is None and not default:
            return None
        named = self._named(default if options.lexicons is None else options.lexicons)
        own = [] if options.lexicon is None else await self._own(options.lexicon)
        chosen = [lexicon for lexicon in (*own, *named) if len(lexicon)]
        return LexiconSet(chosen) if chosen else None

    def _named(self, names: Sequence[str]) -> list[Lexicon]:
        # A copy: another thread may remove a lexicon meanwhile.
        named = dict(self.named)
        unknown = [name for name in names if name not in named]
        missing = [name for name in unknown if name in self._default]
        if missing:
            raise NotReady(f"the lexicon {missing[0]!r} cannot be loaded; GET /model and the log have the reason")
        if unknown:
            known = ", ".join(sorted(named)) or "none"
            raise UnknownLexicon(
                f"unknown lexicon {unknown[0][:_MAX_NAME]!r}; the lexicons of this service are: {known}"
            )
        return [named[name] for name in dict.fromkeys(names)]

    async def _own(self, inline: InlineLexicon) -> list[Lexicon]:
        if len(inline) > self._max_entries:
            raise InvalidValue(f"lexicon: {len(inline)} entries; the limit is {self._max_entries}")
        if not len(inline):
            return []
        fields = _fields(inline)
        key = _key(fields)
        kept = self._compiled.get(key)
        if kept is None:
            is_large = len(inline) > _MAX_INLINE_ENTRIES
            lexicon = await asyncio.to_thread(_compiled, inline, fields) if is_large else _compiled(inline, fields)
            # A lexicon larger than the whole cache is not kept.
            with suppress(ValueError):
                self._compiled[key] = lexicon, _estimated_bytes(fields)
            return [lexicon]
        return [kept[0]]


def _key(fields: _Fields) -> bytes:
    """Identify entries. Most of them differ in their text only."""
    numbers: dict[Specification, int] = {}
    specification_of = [numbers.setdefault(specification, len(numbers)) for _, specification in fields]
    identity = repr(([text for text, _ in fields], specification_of, list(numbers)))
    return blake2b(identity.encode(), digest_size=16).digest()


def _estimated_bytes(fields: _Fields) -> int:
    """Estimate the memory of a compiled lexicon from above, in bytes."""
    size = _ENTRY_BYTES * len(fields) + _STATE_BYTES * len("".join([text for text, _ in fields]).encode())
    automata = set[tuple[Mode, bool]]()
    for (_, mode, _, left, right, _), count in Counter(specification for _, specification in fields).items():
        contexts = f"{left}{right}"
        automata.add((mode, bool(contexts)))
        size += count * (_CONTEXT_BYTES + len(contexts.encode())) if contexts else 0
    return size + _AUTOMATON_BYTES * len(automata)


def _fields(inline: InlineLexicon) -> _Fields:
    return [
        (entry.text, (entry.type, mode, entry.weight, entry.left, entry.right, entry.color))
        for mode, entries in inline.by_mode()
        for entry in entries
    ]


def _compiled(inline: InlineLexicon, fields: _Fields) -> Lexicon:
    try:
        columns = columns_of(fields)
    except InvalidEntry as error:
        raise InvalidValue(f"{_place(inline, error.number)}.{error.fault}") from None
    most = max(Counter(fold("\n".join(columns.texts)).split("\n")).values())
    if most > _MAX_SAME_TEXT:
        raise InvalidValue(f"lexicon: {most} entries have the same text; the limit is {_MAX_SAME_TEXT}")
    return Lexicon(columns, LexiconReport())


def _place(inline: InlineLexicon, number: int) -> str:
    """Return where an entry is in a request, by its number from 1."""
    index = number - 1
    for mode, entries in inline.by_mode():
        if index < len(entries):
            return f"lexicon.{mode}.{index}"
        index -= len(entries)
    raise IndexError(number)
