"""The scores on dev sets that a model should reach."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A score to reach: entity F1 in percent, of one type or (`type` is None) of all types that a corpus annotates."""

    corpus: str
    f1: float
    type: str | None = None
    with_lexicon: bool = True

    def __str__(self) -> str:
        name = f"{self.corpus}/dev" + (f" {self.type}" if self.type else "")
        return name if self.with_lexicon else f"{name}, without lexicon"


TARGETS = (
    Target("weibo", 63.0),
    Target("uner_gsdsimp", 76.0),
    Target("uner_gsd_trad", 71.0),
    Target("cmner", 83.0),
    Target("boson", 78.0),
    Target("cluener", 78.0),
    Target("msra", 91.0),
    Target("gm_time", 85.9, type="TIME"),
    Target("resume", 94.0, type="TITLE"),
    Target("cail_theft", 95.2, type="MONEY"),
    # At most 1.0 below the first version, which had no lexicon.
    Target("cec", 81.0, with_lexicon=False),
    Target("cail_theft", 90.9, with_lexicon=False),
    Target("youku", 81.7, with_lexicon=False),
    Target("weibo", 56.4, with_lexicon=False),
    Target("cnerta", 65.7, with_lexicon=False),
    Target("literature", 54.1, with_lexicon=False),
)
