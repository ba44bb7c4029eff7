"""Hide and falsify lexicon matches in training texts.

A model that always finds the names in the lexicon comes to depend on it, and a model that never sees a wrong entry
trusts every entry. Therefore some texts have no matches, some names have none, and some ordinary words are marked as
names.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from ner_runtime.lexicon.matcher import Match, Matcher
from training.data.corpora import Sentence


@dataclass(frozen=True)
class Disturbance:
    """How often lexicon matches are hidden or falsified.

    Attributes:
        none: share of the texts in which all matches are hidden
        missing: share of the annotated entities whose matches with names are hidden
        dropped: share of the matched entries of a text that are hidden
        wrong: share of the matched words of a text that are marked as a name of a random kind
    """

    none: float = 0.2
    missing: float = 0.15
    dropped: float = 0.08
    wrong: float = 0.08


class DisturbedLexicon:
    """Finds the lexicon matches in an annotated sentence, and hides or falsifies some of them."""

    def __init__(self, matcher: Matcher, names: int, words: int, rates: Disturbance) -> None:
        """`names` is a bit mask of the kinds that are names, `words` one of the kinds that are ordinary words."""
        self._matcher = matcher
        self._bits = [1 << bit for bit in range(names.bit_length()) if names >> bit & 1]
        self._names = names
        self._words = words
        self._rates = rates

    def __call__(self, sentence: Sentence, chance: random.Random) -> list[Match]:
        """Return the matches in a sentence, without the hidden ones and with the falsified ones."""
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
