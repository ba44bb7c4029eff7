"""Run the encoder of a model on windows; its logits are the emissions of the CRF."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ner_runtime.errors import InvalidModel
from ner_runtime.inference.batches import BatchEmissions, plan_batches
from ner_runtime.inference.crf import Floats
from ner_runtime.inference.engine import Engine, Ids64
from ner_runtime.inference.tokenizers.base import Tokenizer
from ner_runtime.inference.windows.encoded import EncodedWindow
from ner_runtime.lexicon.features import FLAGS
from ner_runtime.manifest import SPECIAL, Manifest


class Encoder:
    """The encoder of a model. Safe to use from several threads."""

    def __init__(self, manifest: Manifest, tokenizer: Tokenizer, engine: Engine, length_step: int) -> None:
        """Build an encoder from its engine. The lengths of batches are padded to multiples of `length_step`."""
        self._manifest = manifest
        self._tokenizer = tokenizer
        self._engine = engine
        self._length_step = length_step

    def run(self, encoded: Sequence[EncodedWindow], max_batch_tokens: int) -> list[BatchEmissions]:
        """Return the emissions of windows, in batches of at most `max_batch_tokens`. Similar lengths share a batch."""
        batches = plan_batches([window.tokens for window in encoded], max_batch_tokens)
        return [BatchEmissions(batch, self._emissions([encoded[index] for index in batch])) for batch in batches]

    def _emissions(self, encoded: Sequence[EncodedWindow]) -> Floats:
        """Return the logits at the first piece of each position: (batch, positions, labels), padded with zeros."""
        tokenizer = self._tokenizer
        longest = max(window.tokens for window in encoded)
        stepped = -(-longest // self._length_step) * self._length_step
        sequence = max(longest, min(stepped, self._manifest.geometry.longest + SPECIAL))
        ids = np.full((len(encoded), sequence), tokenizer.pad, dtype=np.int64)  # (batch, sequence)
        mask = np.zeros((len(encoded), sequence), dtype=np.int64)  # (batch, sequence)
        for row, window in enumerate(encoded):
            end = len(window.ids) + 1
            ids[row, 0], ids[row, 1:end], ids[row, end] = tokenizer.cls, window.ids, tokenizer.sep
            mask[row, : end + 1] = 1
        logits = self._logits(encoded, ids, mask)  # (batch, sequence, labels)
        if logits.shape != (*ids.shape, len(self._manifest.labels)):
            raise InvalidModel(
                f"the logits of the model have the shape {logits.shape}; expected: {len(self._manifest.labels)} labels"
            )
        positions = max(len(window.first) for window in encoded)
        emissions = np.zeros((len(encoded), positions, logits.shape[2]), dtype=np.float32)
        for row, window in enumerate(encoded):
            emissions[row, : len(window.first)] = logits[row, window.first + 1]
        return emissions

    def _logits(self, encoded: Sequence[EncodedWindow], ids: Ids64, mask: Ids64) -> Floats:
        """Run the engine and return the logits: (batch, sequence, labels).

        If the model has a lexicon, the flags of each code point are passed at its first piece.
        """
        if not self._manifest.lexicon_kinds:
            return self._engine.logits(ids, mask)
        flags = np.zeros((*ids.shape, FLAGS), dtype=np.uint8)  # (batch, sequence, FLAGS)
        for row, window in enumerate(encoded):
            if window.flags is not None:
                flags[row, window.first + 1] = window.flags
        return self._engine.logits(ids, mask, flags)
