"""Hide characters of training texts.

A model that sees a sentence many times memorises it. If some characters and some names are hidden, it has to rely on
the context and on the lexicon.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from training.data.corpora import Sentence
from training.data.vocabulary import MASK, UNK, Ids


@dataclass(frozen=True)
class Masks:
    """How much of the texts is hidden.

    Attributes:
        texts: share of the texts in which single characters are hidden
        characters: share of the characters hidden in such a text
        names: share of the annotated entities of which most characters are hidden
        within: share of the characters hidden in such an entity
    """

    texts: float = 0.3
    characters: float = 0.08
    names: float = 0.08
    within: float = 0.7


def mask(ids: Ids, sentence: Sentence, rates: Masks, chance: random.Random) -> Ids:
    """Hide some of the ids (code points,) of a sentence."""
    hidden: list[int] = []
    if chance.random() < rates.texts:
        hidden += [at for at in range(len(ids)) if chance.random() < rates.characters]
    for span in sentence.spans:
        if chance.random() < rates.names:
            hidden += [at for at in range(span.start, span.end) if chance.random() < rates.within]
    if not hidden:
        return ids
    masked = ids.copy()
    masked[hidden] = MASK if chance.random() < 0.5 else UNK
    return masked
