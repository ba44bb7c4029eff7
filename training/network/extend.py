"""Add a lexicon layer or new characters to a trained tagger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from training.data.vocabulary import Vocabulary
from training.network.tagger import Tagger

# Some new characters start with the embedding of a similar character, all others with that of [UNK].
_ALIKE = {"¥": "$", "￥": "$", "€": "$", "£": "$", "∙": "·", "⋅": "·", "ㆍ": "·", "･": "·"}
_UNKNOWN = 1


def add_lexicon(tagger: Tagger, flags: int) -> Tagger:
    """Return a copy of a tagger with a lexicon layer for `flags` flags, which has no effect until it is trained."""
    geometry = replace(tagger.encoder.geometry, lexicon_flags=flags)
    extended = Tagger(geometry, tagger.tagset, tagger.dropout.p)
    extended.load_state_dict(extended.state_dict() | tagger.state_dict())
    return extended


def add_pieces(tagger: Tagger, vocabulary: Vocabulary, pieces: Sequence[str]) -> tuple[Tagger, Vocabulary]:
    """Return a copy of a tagger and its vocabulary with new characters at the end; other embeddings are kept."""
    new = [piece for piece in dict.fromkeys(pieces) if piece not in set(vocabulary.pieces)]
    grown = Vocabulary([*vocabulary.pieces, *new])
    old_table = tagger.encoder.embeddings.word_embeddings.weight.detach()  # (pieces, hidden)
    geometry = replace(tagger.encoder.geometry, vocab_size=len(grown))
    bigger = Tagger(geometry, tagger.tagset, tagger.dropout.p)
    table = torch.cat([old_table, torch.stack([_begin(piece, vocabulary, old_table) for piece in new])])
    state = tagger.state_dict() | {"encoder.embeddings.word_embeddings.weight": table}
    bigger.load_state_dict(state)
    return bigger, grown


def _begin(piece: str, vocabulary: Vocabulary, table: Tensor) -> Tensor:
    alike = _ALIKE.get(piece)
    return table[int(vocabulary.encode(alike)[0]) if alike else _UNKNOWN].clone()  # (hidden,)
