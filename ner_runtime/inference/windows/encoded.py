"""Windows as input for the encoder, and texts split into such windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ner_runtime.entities import Entity, Recognition
from ner_runtime.inference.markup.prepared import PreparedText
from ner_runtime.inference.span_rules import Interval, excluded_between, repair_spans
from ner_runtime.inference.spans import Span
from ner_runtime.inference.tokenizers.base import Ids
from ner_runtime.inference.windows.merging import merge_spans
from ner_runtime.inference.windows.planning import Window
from ner_runtime.lexicon.features import Flags
from ner_runtime.lexicon.user.matches import TextMatches
from ner_runtime.manifest import SPECIAL


@dataclass(frozen=True, slots=True)
class EncodedWindow:
    """A part of a text that the encoder reads at once: its pieces, and what decoding needs to know about it."""

    ids: Ids  # (pieces,)
    first: Ids  # (positions,), the index in `ids` of the first piece of each position
    flags: Flags | None = None  # (code points, FLAGS), if the model has a lexicon
    text: str = ""  # the code points of the window; empty: spans are not repaired
    excluded: Sequence[Interval] = ()  # parts of the window that no span may contain; see `markup/prepared.py`
    matches: TextMatches | None = None  # of the user's lexicons; None: they change nothing in the window
    offsets: Ids | None = None  # (positions, 2), code points of each word; None: each position is a code point

    @property
    def tokens(self) -> int:
        """Length in tokens, including [CLS] and [SEP]."""
        return len(self.ids) + SPECIAL

    def part(self, start: int, end: int) -> EncodedWindow:
        """Return the code points `start` to `end` (exclusive) of the window as a separate window.

        Words that begin in the part belong to it.
        """
        if self.offsets is None and start == 0 and end == len(self.text):
            return self
        first, last = (start, end) if self.offsets is None else positions_between(self.offsets, start, end)
        begin = self.first[first]
        stop = len(self.ids) if last == len(self.first) else self.first[last]
        return EncodedWindow(
            self.ids[begin:stop],
            self.first[first:last] - begin,
            None if self.flags is None else self.flags[start:end],
            self.text[start:end],
            excluded_between(self.excluded, start, end),
            None if self.matches is None else self.matches.part(start, end),
            None if self.offsets is None else self.offsets[first:last] - start,
        )


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A text split into windows that are ready to be decoded."""

    text: str
    prepared: PreparedText
    """The text as the model gets it. Positions of windows refer to this text."""
    windows: list[Window]
    ends: list[int]
    encoded: list[EncodedWindow]

    def recognition(self, spans: Sequence[Sequence[Span]]) -> Recognition:
        """Merge the decoded spans of each window into the entities of the text."""
        text, prepared = self.text, self.prepared
        if len(self.windows) == 1:
            merged = spans[0]  # already repaired
        else:
            merged = repair_spans(prepared.text, merge_spans(self.windows, spans, self.ends), prepared.excluded)
        if prepared.origin is not None:
            merged = [prepared.to_original(span) for span in merged]
        entities = [Entity(s.type, text[s.start : s.end], s.start, s.end, s.score, s.source) for s in merged]
        return Recognition(entities, len(self.windows))


def positions_between(offsets: Ids, start: int, end: int) -> tuple[int, int]:
    """Return the first word that begins at code point `start` or later, and the first one at `end` or later.

    `offsets` are the start and the end of each word: (positions, 2).
    """
    first, last = np.searchsorted(offsets[:, 0], (start, end)).tolist()
    return first, last


def holds_whole_words(offsets: Ids, start: int, end: int) -> bool:
    """Return whether the code points `start` to `end` contain at least one word, and no part of another word."""
    first, last = positions_between(offsets, start, end)
    return first < last and (first == 0 or offsets[first - 1, 1] <= start) and bool(offsets[last - 1, 1] <= end)
