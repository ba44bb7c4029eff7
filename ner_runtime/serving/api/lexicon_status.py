"""The state of the named lexicons that `GET /model` and `GET /models` report. `LexiconFolder` updates it."""

from __future__ import annotations

from ner_runtime.lexicon.user.lexicon import Lexicon
from ner_runtime.serving.api.responses import LexiconItem


class LexiconStatus:
    """Describes the named lexicons of this worker."""

    def __init__(self) -> None:
        self._items: dict[str, LexiconItem] = {}

    def items(self) -> list[LexiconItem]:
        """Return the description of each lexicon, sorted by name."""
        # A copy: another thread may add or remove a lexicon meanwhile.
        items = dict(self._items)
        return [items[name] for name in sorted(items)]

    def set_loaded(self, name: str, lexicon: Lexicon) -> None:
        """Record that a lexicon was loaded."""
        report = lexicon.report
        self._items[name] = LexiconItem(
            name=name,
            entries=len(lexicon),
            digest=lexicon.digest,
            types=list(lexicon.types),
            bad_lines=[number for number, _ in report.bad[:_MAX_LINES]],
            duplicates=len(report.duplicates),
            conflicts=len(report.conflicts),
            one_character=len(report.one_character),
            error=None,
        )

    def set_failed(self, name: str, reason: str) -> None:
        """Record that the file of a lexicon cannot be used. The lexicon that was loaded before stays in use."""
        before = self._items.get(name)
        if before is None:
            before = LexiconItem(
                name=name,
                entries=0,
                digest=None,
                types=[],
                bad_lines=[],
                duplicates=0,
                conflicts=0,
                one_character=0,
                error=None,
            )
        self._items[name] = before.model_copy(update={"error": reason})

    def remove(self, name: str) -> None:
        """Record that a lexicon was removed."""
        self._items.pop(name, None)


_MAX_LINES = 100
