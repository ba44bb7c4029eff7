"""The real recognizer, recorded."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from ner_runtime import Recognizer
from ner_runtime.entities import Recognition
from ner_runtime.inference.batches import BatchEmissions
from ner_runtime.inference.windows.encoded import EncodedWindow

SENTENCE = "昨天，记者在杭州见到了他。"
DOCUMENT = SENTENCE * 400


class RecordingRecognizer(Recognizer):
    """The real recognizer; records the token counts of each batch, and waits for `go` while it is cleared."""

    batches: list[list[int]]
    windows: list[list[EncodedWindow]]
    started: threading.Event
    go: threading.Event

    @classmethod
    def of(cls, recognizer: Recognizer, *, by_sentence: bool) -> RecordingRecognizer:
        recording = cls.__new__(cls)
        recording.__dict__.update(recognizer.__dict__)
        manifest = recognizer.manifest.model_copy(update={"by_sentence": by_sentence})
        recording._splitter = replace(recognizer._splitter, manifest=manifest)
        recording.batches, recording.windows = [], []
        recording.started, recording.go = threading.Event(), threading.Event()
        recording.go.set()
        return recording

    def run_engine(self, encoded: Sequence[EncodedWindow]) -> list[BatchEmissions]:
        if threading.current_thread().name.startswith("inference"):
            self.batches.append([window.tokens for window in encoded])
            self.windows.append(list(encoded))
            self.started.set()
            assert self.go.wait(30)
        return super().run_engine(encoded)


def entities(recognitions: Sequence[Recognition]) -> list[list[tuple[str, int, int]]]:
    """The entities of each text: type and offsets."""
    return [[(e.type, e.start, e.end) for e in recognition.entities] for recognition in recognitions]
