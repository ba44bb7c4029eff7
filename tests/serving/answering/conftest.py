from __future__ import annotations

import pytest

from ner_runtime import Recognizer
from tests.support.models.recording import RecordingRecognizer


@pytest.fixture
def recording(recognizer: Recognizer) -> RecordingRecognizer:
    """With long windows, of which few fit in a batch."""
    return RecordingRecognizer.of(recognizer, by_sentence=False)
