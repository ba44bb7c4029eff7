"""Pieces, words and windows of texts, for the tests of `inference/windows`."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import strategies as st

from ner_runtime.inference.spans import Span
from ner_runtime.inference.windows.planning import Window, plan_windows

SIZE = 32
"""Length of the longest window, in pieces."""
piece_counts = st.lists(st.integers(1, 3), max_size=400)


def first_pieces(counts: list[int]) -> tuple[np.ndarray, int]:
    """Index of the first piece of each code point, and the number of pieces, from the pieces of each code point."""
    total = np.cumsum([0, *counts])
    return total[:-1].astype(np.int32), int(total[-1])


def windows_of(length: int) -> list[Window]:
    return plan_windows(*first_pieces([1] * length), SIZE)


def seen_from(windows: list[Window], entities: list[Span]) -> list[list[Span]]:
    """The spans that a perfect model finds in each window: the entities completely inside it."""
    return [
        [
            entity.moved(-window.start)
            for entity in entities
            if window.start <= entity.start and entity.end <= window.end
        ]
        for window in windows
    ]


def words_of(text: str) -> np.ndarray:
    """Start and end of each word of a text."""
    return np.array([found.span() for found in re.finditer(r"\S+", text)], dtype=np.int32).reshape(-1, 2)
