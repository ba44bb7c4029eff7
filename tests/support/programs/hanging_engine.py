"""The real service with a recognizer that hangs on two texts; served by `tests/faults/test_hang.py`."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ner_runtime.inference.batches import BatchEmissions
from ner_runtime.inference.windows.encoded import EncodedText, EncodedWindow
from ner_runtime.lexicon.user.matches import LexiconSet
from ner_runtime.recognizer import Recognizer
from service import Raner

BLOCKS_EVENT_LOOP = "堵住"
BLOCKS_INFERENCE = "停住"
FOREVER = 3600

_encode, _run_engine = Recognizer.encode, Recognizer.run_engine
_hanging: list[EncodedText] = []


def encode(self: Recognizer, text: str, lexicon: LexiconSet | None = None) -> EncodedText:
    if text == BLOCKS_EVENT_LOOP:
        time.sleep(FOREVER)
    encoded = _encode(self, text, lexicon)
    if text == BLOCKS_INFERENCE:
        _hanging.append(encoded)
    return encoded


def run_engine(self: Recognizer, encoded: Sequence[EncodedWindow]) -> list[BatchEmissions]:
    if any(window in text.encoded for text in _hanging for window in encoded):
        time.sleep(FOREVER)
    return _run_engine(self, encoded)


Recognizer.encode, Recognizer.run_engine = encode, run_engine  # type: ignore[method-assign]

__all__ = ["Raner"]
