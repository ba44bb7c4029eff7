"""A trained tagger gets a lexicon layer or more characters, and gives the same answers as before."""

from __future__ import annotations

import pytest
import torch

from ner_runtime.lexicon.features import FLAGS
from ner_runtime.lexicon.matcher import Match
from training.data.corpora import Sentence
from training.data.tagset import Tagset
from training.data.vocabulary import Vocabulary, build
from training.examples.batches import Batch, collate, encode
from training.network.encoder import Geometry
from training.network.extend import add_lexicon, add_pieces
from training.network.tagger import Tagger

TAGSET = Tagset(("PER", "LOC"))
TEXT = "马云·在$杭州"


@pytest.fixture
def vocabulary() -> Vocabulary:
    return build([TEXT], 300)


@pytest.fixture
def tagger(vocabulary: Vocabulary) -> Tagger:
    torch.manual_seed(1)
    return Tagger(Geometry(len(vocabulary), hidden_size=8, num_hidden_layers=1, num_attention_heads=2), TAGSET).eval()


def batch_of(text: str, vocabulary: Vocabulary, *matches: Match) -> Batch:
    return collate([encode(Sentence(text, (), frozenset()), vocabulary, TAGSET, matches)])


@torch.no_grad()
def test_new_characters_start_like_those_that_are_used_alike(tagger: Tagger, vocabulary: Vocabulary) -> None:
    extended, pieces = add_pieces(tagger, vocabulary, ["￥", "ㆍ", "马"])
    assert pieces.pieces == [*vocabulary.pieces, "￥", "ㆍ"]
    expected = tagger(batch_of(TEXT, vocabulary))
    for text in (TEXT, "马云ㆍ在￥杭州"):
        torch.testing.assert_close(extended.eval()(batch_of(text, pieces)), expected)


@torch.no_grad()
def test_an_untrained_lexicon_layer_changes_nothing(tagger: Tagger, vocabulary: Vocabulary) -> None:
    extended = add_lexicon(tagger, FLAGS).eval()
    batch = batch_of(TEXT, vocabulary, Match(0, 2, 1))
    assert batch.flags.any()
    torch.testing.assert_close(extended(batch), tagger(batch))


@torch.no_grad()
def test_a_trained_lexicon_layer_changes_the_answer(tagger: Tagger, vocabulary: Vocabulary) -> None:
    extended = add_lexicon(tagger, FLAGS).eval()
    layer = extended.encoder.embeddings.lexicon
    assert layer is not None
    torch.nn.init.normal_(layer.outer.weight)
    with_match, without = (batch_of(TEXT, vocabulary, *matches) for matches in ([Match(0, 2, 1)], []))
    assert not torch.allclose(extended(with_match), extended(without))
