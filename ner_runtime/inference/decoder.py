"""Decode the emissions of windows into spans that follow the rules of `span_rules.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ner_runtime.inference.batches import BatchEmissions, merge_batches
from ner_runtime.inference.constraints.decoder import ConstrainedDecoder, ConstrainedWindow
from ner_runtime.inference.crf import Crf
from ner_runtime.inference.span_rules import repair_or_parts, repair_spans
from ner_runtime.inference.spans import Span, in_code_points
from ner_runtime.inference.windows.encoded import EncodedWindow, holds_whole_words
from ner_runtime.manifest import Manifest

RunEncoder = Callable[[Sequence[EncodedWindow]], list[BatchEmissions]]


class Decoder:
    """Decodes windows with the CRF and repairs their spans. Safe to use from several threads."""

    def __init__(self, manifest: Manifest, crf: Crf) -> None:
        """Build a decoder with the CRF of a model."""
        self._crf = crf
        self._constrained = ConstrainedDecoder(crf, manifest.labels)
        self._unwrap = manifest.skip_markup

    def decode(
        self, encoded: Sequence[EncodedWindow], emissions: Sequence[BatchEmissions] | None, run_encoder: RunEncoder
    ) -> list[list[Span]]:
        """Return the repaired spans of each window, in positions of that window.

        Args:
            encoded: the windows
            emissions: the emissions of the windows; None runs the encoder
            run_encoder: runs the encoder; it is needed again for the parts of spans that are split
        """
        decoded = self._decode(encoded, run_encoder(encoded) if emissions is None else emissions)
        repaired = list(decoded)
        split: list[int] = []  # the windows with spans that are split
        parts: dict[tuple[int, int, int], EncodedWindow] = {}
        for index, (window, spans) in enumerate(zip(encoded, decoded, strict=True)):
            if not window.text or not spans:
                continue
            repaired[index], intervals = repair_or_parts(window.text, spans, window.excluded, unwrap=self._unwrap)
            if intervals:
                split.append(index)
            for part in intervals:
                if window.offsets is None or holds_whole_words(window.offsets, *part):
                    parts[index, *part] = window.part(*part)
        if not split:
            return repaired
        part_windows = list(parts.values())
        decoded_parts = dict(zip(parts, self._decode(part_windows, run_encoder(part_windows)), strict=True))

        def repair_again(index: int) -> list[Span]:
            def decode_part(start: int, end: int) -> list[Span] | None:
                spans = decoded_parts.get((index, start, end))
                return None if spans is None else [span.moved(start) for span in spans]

            window = encoded[index]
            return repair_spans(window.text, decoded[index], window.excluded, decode_part, unwrap=self._unwrap)

        for index in split:
            repaired[index] = repair_again(index)
        return repaired

    def _constraints(self, window: EncodedWindow) -> ConstrainedWindow | None:
        if window.matches is None:
            return None
        return ConstrainedWindow(window.text, window.excluded, window.matches, self._unwrap)

    def _decode(self, encoded: Sequence[EncodedWindow], emissions: Sequence[BatchEmissions]) -> list[list[Span]]:
        """Return the spans of each window as decoded by the CRF."""
        decoded: list[list[Span]] = [[] for _ in encoded]
        for batch in merge_batches(emissions):
            windows = [encoded[index] for index in batch.windows]
            lengths = [len(window.first) for window in windows]
            constraints = [self._constraints(window) for window in windows]
            if any(constraints):
                spans = self._constrained.decode(batch.emissions, lengths, constraints)
            else:
                spans = self._crf.decode(batch.emissions, lengths)
            for index, row in zip(batch.windows, spans, strict=True):
                offsets = encoded[index].offsets
                decoded[index] = row if offsets is None else in_code_points(row, offsets)
        return decoded
