"""A small Unigram vocabulary in the form of XLM-RoBERTa's, trained on the bundled sample. Deterministic.

It normalizes texts as the published one does (`nmt_nfkc`). Most Chinese characters have a piece of their own; in the
other languages of the sample, frequent words have one piece, and rare ones several.
"""

from __future__ import annotations

import io
from functools import cache
from random import Random

from sentencepiece import SentencePieceTrainer

from ner_runtime.models.convert.sample import sample_sentences

PIECES = 2500
_EMOJI = "😀👍🏽❤️👨‍👩‍👧🇨🇳"


@cache
def unigram_model(pieces: int = PIECES) -> bytes:
    """The contents of a `sentencepiece.bpe.model`."""
    words = " ".join(sample_sentences(split="words")).split()
    random = Random(0)
    mixed = [" ".join(random.choices([*words, _EMOJI], k=8)) for _ in range(1000)]
    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter([*sample_sentences(), *mixed]),
        model_writer=model,
        model_type="unigram",
        vocab_size=pieces,
        character_coverage=1.0,
        normalization_rule_name="nmt_nfkc",
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()
