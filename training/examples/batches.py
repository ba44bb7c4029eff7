"""Turn sentences into batches of ids, allowed labels and lexicon flags.

Some sentences of a corpus are joined to long texts, so that all positions are trained and a name in the middle of a
document is found as it is alone. Batches hold sequences of about equal length, up to a budget of tokens. All random
choices come from generators seeded by (seed, pool): a resumed run continues with the batches of an uninterrupted one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

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
        flags: (code points, FLAGS), what the lexicon says
    """

    ids: Ids
    allowed: Allowed
    flags: Flags

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts padded to one length, which is the longest one's plus two.

    Attributes:
        ids: (batch, sequence)
        visible: (batch, sequence), false at padding
        allowed: (batch, sequence - 2, labels), true throughout at padding
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
    """Sentences of one corpus as one text."""
    spans: list[Span] = []
    offset = 0
    for sentence in sentences:
        spans.extend(Span(span.start + offset, span.end + offset, span.type) for span in sentence.spans)
        offset += len(sentence.text)
    text = "".join(sentence.text for sentence in sentences)
    return Sentence(text, tuple(spans), sentences[0].annotated)


def cut(sentence: Sentence, size: int = MAX_CHARACTERS) -> list[Sentence]:
    """Split a sentence into pieces of at most `size` code points. A span is split only if it is longer than that."""
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
    """A sentence as an example, with the matches of the lexicon in it."""
    text = sentence.text
    return Example(vocabulary.encode(text), tagset.allowed(sentence), match_flags(len(text), matches))


def collate(examples: Sequence[Example]) -> Batch:
    """Examples as one batch; an empty one counts as one padded position."""
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
    """Indices in groups of about equal length, each of at most `budget` tokens when padded, or of one text."""
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
    """How a pool is composed.

    Attributes:
        joined_share: share of the sentences that stand in joined texts
        repeated_share: share of those that become a text of two to eight copies instead: a name that is found alone
            is to be found in each
        budget: tokens a batch
        pool: sentences a pool; buckets are formed within one
    """

    joined_share: float = 0.35
    repeated_share: float = 0.0625
    budget: int = 3072
    pool: int = 4000


class Pools:
    """An endless sequence of pools of batches over several corpora."""

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
    ) -> None:
        """`corpora` are sentences with the number of times that an epoch sees each of them, on average."""
        self._corpora = [sentences for sentences, _ in corpora]
        self._repeats = [repeat for _, repeat in corpora]
        self._vocabulary = vocabulary
        self._tagset = tagset
        self._augment = augment
        self._course = course
        self._seed = seed
        self._disturb = disturb
        self._masks = masks
        self._orders: dict[tuple[int, int], Ids] = {}

    def __len__(self) -> int:
        """Pools in an epoch."""
        sentences = sum(len(each) * repeat for each, repeat in zip(self._corpora, self._repeats, strict=True))
        return max(1, round(sentences / self._course.pool))

    def batches(self, pool: int) -> Iterator[Batch]:
        """The batches of a pool, in an order of its own."""
        chance = random.Random(f"{self._seed} {pool}")
        examples = [
            self._encode(piece, chance) for text in self._texts(pool, chance) for piece in cut(text) if piece.text
        ]
        groups = bucket([len(example) for example in examples], self._course.budget)
        chance.shuffle(groups)
        for group in groups:
            yield collate([examples[index] for index in group])

    def _encode(self, sentence: Sentence, chance: random.Random) -> Example:
        matches = self._disturb(sentence, chance) if self._disturb else ()
        example = encode(sentence, self._vocabulary, self._tagset, matches)
        if self._masks is None:
            return example
        return replace(example, ids=mask(example.ids, sentence, self._masks, chance))

    def _texts(self, pool: int, chance: random.Random) -> Iterator[Sentence]:
        for corpus, sentences in enumerate(self._corpora):
            chosen = [self._augment(sentences[index], chance) for index in self._share(corpus, pool)]
            joined = round(len(chosen) * self._course.joined_share)
            yield from chosen[joined:]
            yield from _join_some(chosen[:joined], self._course.repeated_share, chance)

    def _share(self, corpus: int, pool: int) -> list[int]:
        # Each round over a corpus has an order of its own; a pool takes the next stretch of it.
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
    # The shipped model reads unpunctuated text in windows of half the positions; other settings use all of them.
    longest = MAX_CHARACTERS if chance.random() < 0.5 else MAX_CHARACTERS // 2
    return chance.randint(64, longest)
