"""Find the ends of sentences and clauses in a text, and split long sentences.

All positions count code points; if a model labels words, those given to `longest_sentence` and `split_long_sentences`
count words.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from ner_runtime.inference.tokenizers.base import Ids

LONGEST_SENTENCE = 126
"""Longest sentence, in pieces. A longer one is split into parts that fit into 128 positions with [CLS] and [SEP]."""

# Stricter than `_POSSIBLE_SENTENCE_END`: names can contain "!" or ";", and lines can break within a sentence.
_SENTENCE_END = re.compile(r"[。！？]+[”’」』）)】\]]*\s*|\n\s*\n\s*")
# A half-width mark between digits belongs to an amount, a time or a score.
_CLAUSE_END = re.compile(r"(?:[，、；：…]|(?<![0-9])[,;:]|[,;:](?![0-9]))+[”’」』）)】\]]*")
_POSSIBLE_SENTENCE_END = re.compile(r"[。！？!?；;…\n]+[”’」』）)】\]]*")


def possible_sentence_ends(text: str) -> list[int]:
    """Return the positions after all possible ends of sentences, including line breaks and half-width marks, sorted."""
    return [found.end() for found in _POSSIBLE_SENTENCE_END.finditer(text)]


def sentence_ends(text: str) -> list[int]:
    """Return the position after each `。`, `！`, `？` or blank line, sorted.

    The closing marks and the white space that follow are part of the sentence.
    """
    return [found.end() for found in _SENTENCE_END.finditer(text)]


def clause_ends(text: str) -> list[int]:
    """Return the position after each comma, colon, semicolon or ellipsis, sorted."""
    return [found.end() for found in _CLAUSE_END.finditer(text)]


def longest_sentence(first: Ids, pieces: int, stops: Sequence[int]) -> int:
    """Return the length, in pieces, of the longest sentence of a text whose sentences end at `stops`.

    For `first` and `pieces`, see `plan_windows`.
    """
    begins = np.append(first, pieces)  # (code points + 1,)
    return int(np.diff(begins[[0, *stops, len(first)]]).max(initial=0))


def split_long_sentences(
    first: Ids,
    pieces: int,
    stops: Sequence[int],
    clauses: Sequence[int],
    ends: Sequence[int],
    longest: int,
) -> list[int]:
    """Split sentences of more than `longest` pieces; return the end of every part of the text, sorted.

    A long sentence is split at the ends of clauses into parts of about equal length. If no clause ends near enough, it
    is split at a possible end of a sentence. A part stays longer than `longest` only if it contains neither.

    Args:
        first: see `plan_windows`
        pieces: see `plan_windows`
        stops: ends of sentences, from `sentence_ends`
        clauses: ends of clauses, from `clause_ends`
        ends: possible ends of sentences, from `possible_sentence_ends`
        longest: the limit, in pieces
    """
    length = len(first)
    begins = np.append(first, pieces)  # (code points + 1,)
    cuts: list[int] = []
    for start, end in pairwise([0, *(stop for stop in stops if stop < length), length]):
        cuts.extend([*_split_sentence(begins, start, end, (clauses, ends), longest), end])
    return cuts


def _split_sentence(begins: Ids, start: int, end: int, choices: Sequence[Sequence[int]], longest: int) -> Iterator[int]:
    """Yield the positions at which the sentence from `start` to `end` is split.

    `choices` are lists of positions in order of preference; the first list that has a position near enough is
    used.
    """
    while (left := int(begins[end] - begins[start])) > longest:
        beginning = int(begins[start])
        furthest = int(np.searchsorted(begins, beginning + longest, side="right")) - 1
        aim = beginning + left // -(-left // longest)
        fitting = (_between(positions, start, min(furthest, end - 1)) for positions in choices)
        candidates = next(filter(None, fitting), None) or _next_position(choices, start, end)
        if not candidates:
            return
        start = min(candidates, key=lambda position: abs(int(begins[position]) - aim))
        yield start


def _between(positions: Sequence[int], above: int, highest: int) -> Sequence[int]:
    """Return those of the sorted `positions` that are greater than `above` and at most `highest`."""
    return positions[bisect_right(positions, above) : bisect_right(positions, highest)]


def _next_position(choices: Sequence[Sequence[int]], above: int, below: int) -> list[int]:
    """Return a list with the first position of all `choices` between `above` and `below`, or an empty list."""
    following = (
        positions[index] for positions in choices if (index := bisect_right(positions, above)) < len(positions)
    )
    return [position for position in sorted(following)[:1] if position < below]
