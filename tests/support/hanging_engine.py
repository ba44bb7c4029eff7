"""The real service, whose recognizer hangs at two words: served by `test_hang.py`."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ner_runtime.inference.spans import Span
from ner_runtime.recognizer import EncodedWindow, Reading, Recognizer
from service import Raner

BLOCKS_THE_LOOP = "堵住"
STOPS_THE_LANE = "停住"
FOREVER = 3600

_open_text, _decode = Recognizer.encode, Recognizer.decode
_held: list[Reading] = []


def encode(self: Recognizer, text: str) -> Reading:
    if text == BLOCKS_THE_LOOP:
        time.sleep(FOREVER)
    reading = _open_text(self, text)
    if text == STOPS_THE_LANE:
        _held.append(reading)
    return reading


def decode(self: Recognizer, encoded: Sequence[EncodedWindow]) -> list[list[Span]]:
    if any(window in reading.encoded for reading in _held for window in encoded):
        time.sleep(FOREVER)
    return _decode(self, encoded)


Recognizer.encode, Recognizer.decode = encode, decode  # type: ignore[method-assign]

__all__ = ["Raner"]
