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
from ner_runtime.serving.api.errors import NotReady, UnknownLexicon
from ner_runtime.serving.api.requests import InlineLexicon, LexiconEntry, NerOptions

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
        key = blake2b(repr(_fields(inline)).encode(), digest_size=16).digest()
        kept = self._compiled.get(key)
        if kept is None:
            is_large = len(inline) > _MAX_INLINE_ENTRIES
            lexicon = await asyncio.to_thread(_compiled, inline) if is_large else _compiled(inline)
            # A lexicon larger than the whole cache is not kept.
            with suppress(ValueError):
                self._compiled[key] = lexicon, _estimated_bytes(inline)
            return [lexicon]
        return [kept[0]]


def _estimated_bytes(inline: InlineLexicon) -> int:
    """Estimate the memory of a compiled lexicon from above, in bytes."""
    size, automata = 0, set[tuple[Mode, bool]]()
    for mode, entries in inline.by_mode():
        for entry in entries:
            contexts = f"{entry.left}{entry.right}"
            automata.add((mode, bool(contexts)))
            size += _ENTRY_BYTES + _STATE_BYTES * len(entry.text.encode())
            size += _CONTEXT_BYTES + len(contexts.encode()) if contexts else 0
    return size + _AUTOMATON_BYTES * len(automata)


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
