"""Hide and falsify lexicon matches in training texts.

A network that always finds the names in the lexicon depends on it, and one that never meets a wrong entry trusts every
entry. So some texts have no matches at all, some names have none, and some ordinary words are marked as names.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from ner_runtime.lexicon.matcher import Match, Matcher
from training.data.corpora import Sentence


@dataclass(frozen=True)
class Disturbance:
    """How often the lexicon is disturbed.

    Attributes:
        none: share of the texts that see no lexicon
        missing: share of the annotated entities all of whose matches are missing
        dropped: share of the entries that are missing from a text
        wrong: share of the words of a text that are marked as a name of some kind
    """

    none: float = 0.15
    missing: float = 0.15
    dropped: float = 0.05
    wrong: float = 0.03


class DisturbedLexicon:
    """Finds the matches in an annotated sentence, and disturbs them."""

    def __init__(self, matcher: Matcher, names: int, words: int, rates: Disturbance) -> None:
        """`names` and `words` have the bits of the kinds that are names, and that are ordinary words."""
        self._matcher = matcher
        self._bits = [1 << bit for bit in range(names.bit_length()) if names >> bit & 1]
        self._names = names
        self._words = words
        self._rates = rates

    def __call__(self, sentence: Sentence, chance: random.Random) -> list[Match]:
        """The disturbed matches of a sentence."""
        rates = self._rates
        if chance.random() < rates.none:
            return []
        hidden = [(span.start, span.end) for span in sentence.spans if chance.random() < rates.missing]
        decided: dict[str, int] = {}
        found: list[Match] = []
        for start, end, kinds in self._matcher.find(sentence.text):
            entry = sentence.text[start:end]
            if entry not in decided:
                decided[entry] = self._change(kinds, chance)
            kinds = decided[entry]
            if any(start < other_end and other_start < end for other_start, other_end in hidden):
                kinds &= self._words
            if kinds:
                found.append(Match(start, end, kinds))
        return found

    def _change(self, kinds: int, chance: random.Random) -> int:
        rates, roll = self._rates, chance.random()
        if roll < rates.dropped:
            return 0
        if roll < rates.dropped + rates.wrong and kinds & self._words:
            return kinds | chance.choice(self._bits)
        return kinds
