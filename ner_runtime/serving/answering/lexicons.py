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
from ner_runtime.lexicon.user.entries import Entry, Mode, checked
from ner_runtime.lexicon.user.lexicon import Lexicon
from ner_runtime.lexicon.user.matches import LexiconSet
from ner_runtime.lexicon.user.patterns import fold
from ner_runtime.serving.api.errors import UnknownLexicon
from ner_runtime.serving.api.requests import InlineLexicon, LexiconEntry, NerOptions

# Longer names of lexicons are cut in messages.
_MAX_NAME = 40
# Larger lexicons of requests are compiled in a thread, so that they do not block the event loop.
_MAX_INLINE_ENTRIES = 100
# Each occurrence of a text is compared with every entry that has it, and a hint of each type is kept: 1,000 hints for
# one character would take 25 GB in a text of 100,000 characters.
_MAX_SAME_TEXT = 8
# Total number of entries of the compiled lexicons that are kept.
_MAX_KEPT_ENTRIES = 20_000


class Lexicons:
    """The lexicons that requests can use. It belongs to one event loop."""

    def __init__(self, default: Sequence[str] = (), max_entries: int = 1_000) -> None:
        """Start without named lexicons.

        Args:
            default: names of the lexicons of requests that name none
            max_entries: maximum number of entries of a lexicon in a request
        """
        self.named: dict[str, Lexicon] = {}
        """The named lexicons. `LexiconFolder` updates them."""
        self._default = tuple(default)
        self._max_entries = max_entries
        self._compiled: LRUCache[bytes, Lexicon] = LRUCache(_MAX_KEPT_ENTRIES, getsizeof=lambda one: len(one) + 10)

    async def of(self, options: NerOptions, *, use_default: bool = True) -> LexiconSet | None:
        """Return the lexicons of a request; None if it has none. The request's own lexicon has precedence.

        Args:
            options: the options of the request
            use_default: whether the default lexicons apply to a request that names none

        Raises:
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
        key = blake2b(repr(_fields(inline)).encode(), digest_size=16).digest()
        lexicon = self._compiled.get(key)
        if lexicon is None:
            is_large = len(inline) > _MAX_INLINE_ENTRIES
            lexicon = await asyncio.to_thread(_compiled, inline) if is_large else _compiled(inline)
            # A lexicon larger than the whole cache is not kept.
            with suppress(ValueError):
                self._compiled[key] = lexicon
        return [lexicon]


def _fields(inline: InlineLexicon) -> list[tuple[object, ...]]:
    return [
        (mode, entry.text, entry.type, entry.weight, entry.left, entry.right, entry.color)
        for mode, entries in inline.by_mode()
        for entry in entries
    ]


def _compiled(inline: InlineLexicon) -> Lexicon:
    entries = [
        _checked(f"lexicon.{mode}.{index}", mode, entry)
        for mode, entries in inline.by_mode()
        for index, entry in enumerate(entries)
    ]
    most = max(Counter(fold(entry.text) for entry in entries).values())
    if most > _MAX_SAME_TEXT:
        raise InvalidValue(f"lexicon: {most} entries have the same text; the limit is {_MAX_SAME_TEXT}")
    return Lexicon.from_entries(entries)


def _checked(where: str, mode: Mode, entry: LexiconEntry) -> Entry:
    try:
        return checked(Entry(entry.text, entry.type, mode, entry.weight, entry.left, entry.right, entry.color))
    except ValueError as error:
        raise InvalidValue(f"{where}.{error}") from None
