"""Turn sentences into batches of ids, allowed labels and lexicon flags.

Some sentences of a corpus are joined into long texts. This trains all positions, and teaches the model to find a name
in a long text as well as in a single sentence. A batch holds sequences of about equal length, up to a budget of tokens.
All random choices come from generators seeded with (seed, pool), so that a resumed run gets the same batches as an
uninterrupted one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from ner_runtime.lexicon.features import FLAGS, Flags, match_flags
from ner_runtime.lexicon.matcher import Match
from training.data.corpora import Sentence, Span
from training.data.tagset import Allowed, Tagset
from training.data.vocabulary import CLS, PAD, SEP, Ids, Vocabulary
from training.examples.masking import Masks, mask

MAX_CHARACTERS = 510

Find = Callable[[str], list[Match]]


@dataclass(frozen=True, slots=True)
class Example:
    """One text, without [CLS] and [SEP].

    Attributes:
        ids: (code points,)
        allowed: (code points, labels)
        flags: (code points, FLAGS), the lexicon flags of each code point
    """

    ids: Ids
    allowed: Allowed
    flags: Flags

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts padded to one length: that of the longest text, plus two for [CLS] and [SEP].

    Attributes:
        ids: (batch, sequence)
        visible: (batch, sequence), false at padding
        allowed: (batch, sequence - 2, labels), all true at padding
        characters: (batch, sequence - 2), false at padding
        flags: (batch, sequence, FLAGS), zero at padding, [CLS] and [SEP]
    """

    ids: Tensor
    visible: Tensor
    allowed: Tensor
    characters: Tensor
    flags: Tensor

    def to(self, device: torch.device) -> Batch:
        parts = (self.ids, self.visible, self.allowed, self.characters, self.flags)
        return Batch(*(part.to(device) for part in parts))


def join(sentences: Sequence[Sentence]) -> Sentence:
    """Join sentences of one corpus into one text."""
    spans: list[Span] = []
    offset = 0
    for sentence in sentences:
        spans.extend(Span(span.start + offset, span.end + offset, span.type) for span in sentence.spans)
        offset += len(sentence.text)
    text = "".join(sentence.text for sentence in sentences)
    return Sentence(text, tuple(spans), sentences[0].annotated)


def cut(sentence: Sentence, size: int = MAX_CHARACTERS) -> list[Sentence]:
    """Split a sentence into pieces of at most `size` code points. A span longer than `size` is dropped."""
    pieces: list[Sentence] = []
    start = 0
    while start < len(sentence.text):
        end = min(start + size, len(sentence.text))
        crossed = [span.start for span in sentence.spans if start < span.start < end < span.end]
        end = min([end, *crossed])
        spans = tuple(
            Span(span.start - start, span.end - start, span.type)
            for span in sentence.spans
            if start <= span.start and span.end <= end
        )
        pieces.append(Sentence(sentence.text[start:end], spans, sentence.annotated))
        start = end
    return pieces


def encode(sentence: Sentence, vocabulary: Vocabulary, tagset: Tagset, matches: Iterable[Match] = ()) -> Example:
    """Convert a sentence and its lexicon matches into an example."""
    text = sentence.text
    return Example(vocabulary.encode(text), tagset.allowed(sentence), match_flags(len(text), matches))


def collate(examples: Sequence[Example]) -> Batch:
    """Combine examples into one batch, padded to the longest one and to at least one character."""
    longest = max(1, *(len(example) for example in examples))
    labels = examples[0].allowed.shape[1]
    ids = np.full((len(examples), longest + 2), PAD, dtype=np.int64)  # (batch, sequence)
    flags = np.zeros((len(examples), longest + 2, FLAGS), dtype=np.uint8)  # (batch, sequence, FLAGS)
    allowed = np.ones((len(examples), longest, labels), dtype=np.bool_)  # (batch, sequence - 2, labels)
    for row, example in enumerate(examples):
        flags[row, 1 : len(example) + 1] = example.flags
        ids[row, 0] = CLS
        ids[row, 1 : len(example) + 1] = example.ids
        ids[row, len(example) + 1] = SEP
        allowed[row, : len(example)] = example.allowed
    lengths = np.array([len(example) for example in examples])[:, None]  # (batch, 1)
    visible = np.arange(longest + 2) < lengths + 2  # (batch, sequence)
    characters = np.arange(longest) < lengths  # (batch, sequence - 2)
    return Batch(*(torch.from_numpy(part) for part in (ids, visible, allowed, characters, flags)))


def bucket(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Group the indices of texts of about equal length. A padded group has at most `budget` tokens, or one text."""
    groups: list[list[int]] = []
    group: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: lengths[index]):
        if group and (len(group) + 1) * (lengths[index] + 2) > budget:
            groups.append(group)
            group = []
        group.append(index)
    return [*groups, group] if group else groups


@dataclass(frozen=True)
class Course:
    """The composition of a pool.

    Attributes:
        joined_share: share of the sentences that become part of long texts
        repeated_share: share of those that are joined with copies of themselves, two to eight in all, instead of with
            other sentences, so that the model learns to find a name in every copy
        budget: tokens per batch
        pool: sentences per pool; batches are formed within a pool
    """

    joined_share: float = 0.25
    repeated_share: float = 0.0625
    budget: int = 3072
    pool: int = 4000


class Pools:
    """An endless sequence of pools. Each pool consists of batches drawn from several corpora."""

    def __init__(
        self,
        corpora: Sequence[tuple[Sequence[Sentence], float]],
        vocabulary: Vocabulary,
        tagset: Tagset,
        augment: Callable[[Sentence, random.Random], Sentence],
        course: Course,
        seed: int,
        disturb: Callable[[Sentence, random.Random], list[Match]] | None = None,
        masks: Masks | None = None,
        without_lexicon: Sequence[float] = (),
    ) -> None:
        """Draw batches from corpora.

        Args:
            corpora: the sentences of each corpus, and how often each of them occurs in an epoch, on average
            vocabulary: the vocabulary of the model
            tagset: the labels of the model
            augment: returns a changed sentence
            course: the composition of a pool
            seed: determines all random choices
            disturb: returns the lexicon matches in a sentence; without it, texts have none
            masks: how many characters are hidden; by default, none are
            without_lexicon: share of the texts of each corpus that have no matches; by default 0 for all
        """
        self._corpora = [sentences for sentences, _ in corpora]
        self._repeats = [repeat for _, repeat in corpora]
        self._vocabulary = vocabulary
        self._tagset = tagset
        self._augment = augment
        self._course = course
        self._seed = seed
        self._disturb = disturb
        self._masks = masks
        self._without_lexicon = without_lexicon or [0.0] * len(corpora)
        self._orders: dict[tuple[int, int], Ids] = {}

    def __len__(self) -> int:
        """Return the number of pools in an epoch."""
        sentences = sum(len(each) * repeat for each, repeat in zip(self._corpora, self._repeats, strict=True))
        return max(1, round(sentences / self._course.pool))

    def batches(self, pool: int) -> Iterator[Batch]:
        """Yield the batches of a pool, in random order."""
        chance = random.Random(f"{self._seed} {pool}")
        examples = [
            self._encode(piece, without, chance)
            for text, without in self._texts(pool, chance)
            for piece in cut(text)
            if piece.text
        ]
        groups = bucket([len(example) for example in examples], self._course.budget)
        chance.shuffle(groups)
        for group in groups:
            yield collate([examples[index] for index in group])

    def _encode(self, sentence: Sentence, without_lexicon: float, chance: random.Random) -> Example:
        matches = self._disturb(sentence, chance) if self._disturb and chance.random() >= without_lexicon else ()
        example = encode(sentence, self._vocabulary, self._tagset, matches)
        if self._masks is None:
            return example
        return replace(example, ids=mask(example.ids, sentence, self._masks, chance))

    def _texts(self, pool: int, chance: random.Random) -> Iterator[tuple[Sentence, float]]:
        """Yield the texts of a pool, each with the probability that it is read without lexicon matches."""
        for corpus, sentences in enumerate(self._corpora):
            chosen = [self._augment(sentences[index], chance) for index in self._share(corpus, pool)]
            joined = round(len(chosen) * self._course.joined_share)
            texts = chain(chosen[joined:], _join_some(chosen[:joined], self._course.repeated_share, chance))
            yield from ((text, self._without_lexicon[corpus]) for text in texts)

    def _share(self, corpus: int, pool: int) -> list[int]:
        # Each pass over a corpus has its own random order; a pool takes the next part of it.
        size, pools = len(self._corpora[corpus]), len(self)
        stretch = size * self._repeats[corpus] / pools
        first, last = round(pool * stretch), round((pool + 1) * stretch)
        return [self._order(corpus, number // size)[number % size] for number in range(first, last)]

    def _order(self, corpus: int, turn: int) -> Ids:
        if (corpus, turn) not in self._orders:
            for key in [key for key in self._orders if key[0] == corpus and key[1] != turn - 1]:
                del self._orders[key]
            order = np.random.default_rng((self._seed, corpus, turn)).permutation(len(self._corpora[corpus]))
            self._orders[corpus, turn] = order
        return self._orders[corpus, turn]


def _join_some(sentences: list[Sentence], repeated_share: float, chance: random.Random) -> Iterator[Sentence]:
    group: list[Sentence] = []
    length, limit = 0, _draw_length(chance)
    repeated = round(len(sentences) * repeated_share)
    for sentence in sentences[:repeated]:
        fitting = max(1, MAX_CHARACTERS // max(1, len(sentence.text)))
        yield join([sentence] * min(chance.randint(2, 8), fitting))
    for sentence in sentences[repeated:]:
        if group and length + len(sentence.text) > limit:
            yield join(group)
            group, length, limit = [], 0, _draw_length(chance)
        group.append(sentence)
        length += len(sentence.text)
    if group:
        yield join(group)


def _draw_length(chance: random.Random) -> int:
    # The embedded model reads text without punctuation in windows of half its positions; other settings use all.
    longest = MAX_CHARACTERS if chance.random() < 0.5 else MAX_CHARACTERS // 2
    return chance.randint(64, longest)
