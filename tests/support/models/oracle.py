"""Run ModelScope's named-entity-recognition pipeline on a checkpoint directory."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ner_runtime.inference.crf import Floats
from ner_runtime.inference.windows.merging import merge_spans
from ner_runtime.recognizer import Recognizer

Found = tuple[str, str, int, int]
"""Type, span, start, end."""


@dataclass(frozen=True)
class Inputs:
    """The output of ModelScope's preprocessor for a text, without padding."""

    ids: list[int]
    positions: list[int]
    """Of the labelled pieces."""
    offsets: list[tuple[int, int]]
    """Of the labelled pieces, in code points."""


def unrepaired(recognizer: Recognizer, text: str) -> list[Found]:
    """The entities of a text without the span rules, which ModelScope does not have."""
    encoded = recognizer.encode(text)
    spans = recognizer.decode([replace(window, text="") for window in encoded.encoded])
    merged = merge_spans(encoded.windows, spans, encoded.ends)
    return [(span.type, text[span.start : span.end], span.start, span.end) for span in merged]


class Oracle:
    """ModelScope's pipeline, without its warnings."""

    def __init__(self, checkpoint: Path) -> None:
        with _quiet():
            from modelscope.pipelines import pipeline

            self.pipeline: Any = pipeline("named-entity-recognition", model=str(checkpoint), device="cpu")

    def entities(self, texts: Sequence[str], batch_size: int = 1) -> list[list[Found]]:
        with _quiet(), _one_thread():
            outputs = self.pipeline(list(texts), batch_size=batch_size)
        return [
            [(found["type"], found["span"], int(found["start"]), int(found["end"])) for found in output["output"]]
            for output in outputs
        ]

    def inputs(self, text: str) -> Inputs:
        encoded = self._preprocessed(text)
        count = int(encoded["attention_mask"].sum())
        positions = encoded["label_mask"][0].nonzero()[:, 0].tolist()
        offsets = encoded["offset_mapping"][0].tolist()[: len(positions)]
        return Inputs(encoded["input_ids"][0, :count].tolist(), positions, [(start, end) for start, end in offsets])

    def emissions(self, text: str) -> Floats:
        """Logits of the labelled pieces: (positions, labels)."""
        import torch

        encoded = self._preprocessed(text)
        count = int(encoded["label_mask"].sum())
        with _quiet(), _one_thread(), torch.inference_mode():
            encoded.pop("text")
            # ModelScope moves the labelled positions to the front.
            return np.asarray(self.pipeline.model(**encoded)["logits"][0, :count])

    def _preprocessed(self, text: str) -> dict[str, Any]:
        with _quiet():
            return dict(self.pipeline.preprocessor(text))


@contextmanager
def _one_thread() -> Generator[None]:
    """Use one thread: the CRF of ModelScope runs many small operations, which are slower on several threads."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _quiet() -> Generator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
