"""A document of 100,000 characters with 5,000 entities, for test_speed.py and bench_page.py."""

from __future__ import annotations

PAIRS = 2500
CHARACTERS = 100_000


def _document() -> str:
    sentence = "马云昨日到了杭州，" + "话" * 29
    text = "".join(sentence + ("。\n\n" if number % 9 == 8 else "。") for number in range(PAIRS))
    return text + "话" * (CHARACTERS - len(text))


DOCUMENT = _document()
