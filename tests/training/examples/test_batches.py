"""Sentences are joined, cut, bucketed and padded to batches; the seed determines their order."""

from __future__ import annotations

import random
import re
from collections import Counter

import torch
from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.lexicon.matcher import Match
from training.data.corpora import Sentence, Span
from training.data.tagset import Tagset
from training.data.vocabulary import CLS, PAD, SEP, Vocabulary, build
from training.examples.batches import MAX_CHARACTERS, Course, Pools, bucket, collate, cut, encode, join

TAGSET = Tagset(("PER", "LOC"))
NAMES = frozenset({"PER", "LOC"})


def sentence(number: int) -> Sentence:
    text = f"马云在杭州第{number}次说话" + "很" * (number % 7)
    return Sentence(text, (Span(0, 2, "PER"), Span(3, 5, "LOC")), NAMES)


SENTENCES = [sentence(number) for number in range(60)]
VOCABULARY: Vocabulary = build((each.text for each in SENTENCES), 300)


def keep(each: Sentence, _chance: random.Random) -> Sentence:
    return each


def pools(seed: int = 1, repeated_share: float = 0.0) -> Pools:
    course = Course(joined_share=0.5, repeated_share=repeated_share, budget=200, pool=40)
    return Pools([(SENTENCES[:40], 1.0), (SENTENCES[40:], 2.0)], VOCABULARY, TAGSET, keep, course, seed)


def test_joined_sentences_keep_their_names() -> None:
    joined = join(SENTENCES[:5])
    assert joined.text == "".join(each.text for each in SENTENCES[:5])
    assert [joined.text[span.start : span.end] for span in joined.spans] == ["马云", "杭州"] * 5


@given(st.integers(1, 40), st.integers(2, 30))
def test_cutting_loses_no_text_and_cuts_no_name(count: int, size: int) -> None:
    whole = join(SENTENCES[:count])
    pieces = cut(whole, size)
    assert "".join(piece.text for piece in pieces) == whole.text
    assert all(0 < len(piece.text) <= size for piece in pieces)
    assert sum(len(piece.spans) for piece in pieces) == len(whole.spans)
    assert all(piece.text[span.start : span.end] in {"马云", "杭州"} for piece in pieces for span in piece.spans)


@given(st.lists(st.integers(0, 120)), st.integers(10, 400))
def test_buckets_hold_every_text_once_within_the_budget(lengths: list[int], budget: int) -> None:
    groups = bucket(lengths, budget)
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    for group in groups:
        longest = max(lengths[index] for index in group)
        assert len(group) == 1 or len(group) * (longest + 2) <= budget


def test_padding_allows_every_label() -> None:
    batch = collate([encode(SENTENCES[0], VOCABULARY, TAGSET), encode(SENTENCES[6], VOCABULARY, TAGSET)])
    short = len(SENTENCES[0].text)
    assert batch.ids.shape == batch.visible.shape == (2, len(SENTENCES[6].text) + 2)
    assert batch.ids[0, 0] == CLS
    assert batch.ids[0, short + 1] == SEP
    assert (batch.ids[0, short + 2 :] == PAD).all()
    assert batch.visible[0].sum() == short + 2
    assert batch.characters[0].sum() == short
    assert batch.allowed[0, short:].all()
    assert batch.allowed[0, 0].nonzero()[:, 0].tolist() == [TAGSET.label("B", "PER")]


def test_seed_and_number_determine_a_pool() -> None:
    first, again, other = (list(each.batches(3)) for each in (pools(), pools(), pools(seed=2)))
    assert all(torch.equal(one.ids, two.ids) for one, two in zip(first, again, strict=True))
    assert any(one.ids.shape != two.ids.shape or not torch.equal(one.ids, two.ids) for one, two in zip(first, other))  # noqa: B905


def test_an_epoch_repeats_each_corpus_as_configured() -> None:
    drawn = pools()
    seen: Counter[int] = Counter()
    for pool in range(len(drawn)):
        for batch in drawn.batches(pool):
            texts = ("".join(VOCABULARY.pieces[index] for index in row[row > SEP].tolist()) for row in batch.ids)
            seen.update(int(number) for text in texts for number in re.findall(r"第(\d+)次", text))
    assert seen == {number: 1 if number < 40 else 2 for number in range(60)}


def test_some_joined_texts_are_copies_of_one_sentence() -> None:
    plain, repeated = (
        [row[row > SEP].tolist() for batch in each.batches(0) for row in batch.ids]
        for each in (pools(), pools(repeated_share=0.5))
    )

    def copies(text: list[int]) -> int:
        sizes = range(1, len(text) // 2 + 1)
        return max((len(text) // size for size in sizes if text == text[:size] * (len(text) // size)), default=1)

    assert max(map(copies, plain)) == 1
    assert 2 <= max(map(copies, repeated)) <= 8


def test_a_corpus_can_be_read_without_lexicon_matches() -> None:
    def everything_matches(each: Sentence, _chance: random.Random) -> list[Match]:
        return [Match(0, len(each.text), 1)]

    drawn = Pools(
        [(SENTENCES[:20], 1.0), (SENTENCES[20:40], 1.0), (SENTENCES[40:], 1.0)],
        VOCABULARY,
        TAGSET,
        keep,
        Course(joined_share=0.5, budget=200, pool=60),
        1,
        everything_matches,
        without_lexicon=[0.0, 1.0, 0.5],
    )
    matched: dict[int, list[bool]] = {0: [], 1: [], 2: []}
    for batch in drawn.batches(0):
        for ids, flags in zip(batch.ids, batch.flags, strict=True):
            text = "".join(VOCABULARY.pieces[index] for index in ids[ids > SEP].tolist())
            number = re.search(r"第(\d+)次", text)
            assert number
            matched[int(number[1]) // 20].append(bool(flags.any()))
    assert all(matched[0])
    assert not any(matched[1])
    assert 0 < sum(matched[2]) < len(matched[2])


def test_long_texts_fit_the_encoder() -> None:
    long = [join(SENTENCES[:count]) for count in (40, 60)]
    assert min(len(each.text) for each in long) > MAX_CHARACTERS
    drawn = Pools([(long, 1.0)], VOCABULARY, TAGSET, keep, Course(), 1)
    assert max(batch.ids.shape[1] for batch in drawn.batches(0)) == MAX_CHARACTERS + 2 == 512
