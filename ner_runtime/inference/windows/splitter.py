"""Split texts into encoded windows."""

from __future__ import annotations

from dataclasses import dataclass

from ner_runtime.errors import InvalidValue
from ner_runtime.inference.markup.prepared import PreparedText, prepare_text
from ner_runtime.inference.span_rules import Interval, is_clean, repair_spans
from ner_runtime.inference.spans import Span
from ner_runtime.inference.tokenizers.base import Ids, Tokenizer
from ner_runtime.inference.windows.encoded import EncodedText, EncodedWindow
from ner_runtime.inference.windows.planning import plan_text
from ner_runtime.lexicon.features import entry_matches, match_flags
from ner_runtime.lexicon.matcher import Matcher
from ner_runtime.lexicon.user.matches import LexiconSet, TextMatches
from ner_runtime.manifest import Manifest


@dataclass(frozen=True, slots=True)
class TextSplitter:
    """Splits texts into encoded windows. Safe to use from several threads."""

    manifest: Manifest
    tokenizer: Tokenizer
    lexicon: Matcher | None
    """The lexicon of the model."""
    window: int
    """Length of the longest window, in pieces."""

    def split(self, text: str, lexicon: LexiconSet | None = None) -> EncodedText:
        """Return the encoded windows of a text.

        Raises:
            InvalidValue: a lexicon is given, but the model does not label code points.
        """
        if lexicon is not None and lexicon.lexicons and self.manifest.split != "characters":
            raise InvalidValue(f"lexicons need a model that labels characters; this model labels {self.manifest.split}")
        prepared = prepare_text(text) if self.manifest.skip_markup else PreparedText(text)
        shown = prepared.text
        ids, first, offsets = self.tokenizer.encode(shown)
        # Match the whole text: entries found in a window must not depend on where the window ends.
        matches = self._match(prepared, ids, first, lexicon)
        names = [] if matches is None else [(name.start, name.end) for name in matches.names]
        windows, ends = plan_text(
            shown, first, len(ids), self.window, by_sentence=self.manifest.by_sentence, whole=names, offsets=offsets
        )
        flags = None  # (code points, FLAGS)
        if self.lexicon:
            of_user = [] if matches is None else entry_matches(matches, self.manifest.lexicon_kinds)
            flags = match_flags(len(shown), [*self.lexicon.find(shown), *of_user])
        whole = EncodedWindow(ids, first, flags, shown, prepared.excluded, matches, offsets)
        encoded = [whole.part(window.start, window.end) for window in windows]
        return EncodedText(text, prepared, windows, ends, encoded)

    def _match(self, prepared: PreparedText, ids: Ids, first: Ids, lexicon: LexiconSet | None) -> TextMatches | None:
        """Apply the user's lexicons to a text; None if they change nothing in it."""
        if lexicon is None:
            return None

        def permitted(start: int, end: int) -> Interval | None:
            if len(ids) > self.window:
                last = len(ids) if end == len(first) else first[end]
                if last - first[start] > self.window:
                    return None
            if is_clean(prepared.text, start, end, prepared.excluded):
                return start, end
            # An occurrence that breaks the rules for spans, as across the edge of markup, is no entity.
            spans = repair_spans(
                prepared.text, [Span("", start, end)], prepared.excluded, unwrap=self.manifest.skip_markup
            )
            return (spans[0].start, spans[0].end) if len(spans) == 1 else None

        return lexicon.match(prepared.text, permitted)
