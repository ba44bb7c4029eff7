"""Check: whether a model answers on this machine, with this engine, as it did where it was made.

    check.jsonl     beside model.json: sentences of the bundled sample and the model's own entities, one JSON line each

INT8 kernels differ from processor to processor and from engine to engine, and what they lose they lose without a word.
Import measures the agreement with FP32 (see `agreement`); the check carries that measurement to wherever the model is
opened, in a second rather than in minutes and without the FP32 model. The file is data lines as everywhere else, so
that `raner evaluate MODEL/check.jsonl --model MODEL` tells more.
"""

from __future__ import annotations

from pathlib import Path

from ner_runtime.entities import Entity
from ner_runtime.errors import InputError, InvalidModel
from ner_runtime.jsonl import entity_line, read_sentences
from ner_runtime.models.convert.agreement import BAR, entity_f1
from ner_runtime.models.convert.sample import sample_sentences
from ner_runtime.recognizer import Recognizer

CHECK_FILE = "check.jsonl"
SENTENCES = 48
_MAX_CHARS = 64


def write_check(recognizer: Recognizer, directory: Path) -> None:
    """Write the check answers of a model directory; its manifest is for the caller to write."""
    # The end of the sample: calibration has read its beginning.
    texts = [text for text in reversed(sample_sentences()) if len(text) <= _MAX_CHARS][:SENTENCES]
    answers = recognizer.recognize(texts, recognizer.types)
    lines = [entity_line(text, entities) for text, entities in zip(texts, answers, strict=True)]
    (directory / CHECK_FILE).write_bytes(b"\n".join(lines) + b"\n")


def check_sample(recognizer: Recognizer, directory: Path, bar: float = BAR) -> float | None:
    """Compare a recognizer's answers with the check answers of the directory that it was opened from.

    Returns:
        Entity F1 of the recognizer's answers, from `bar` to 1; None where the directory holds no check answers, as
        those of older imports.

    Raises:
        InvalidModel: the F1 is below `bar`, or the check answers cannot be read.
    """
    path = directory / CHECK_FILE
    if not path.is_file():
        return None
    try:
        sentences = list(read_sentences(str(path)))
    except InputError as error:
        raise InvalidModel(error.message) from None
    texts = [sentence.text for sentence in sentences]
    truth = [
        [Entity(span.type, sentence.text[span.start : span.end], span.start, span.end, 1.0) for span in sentence.spans]
        for sentence in sentences
    ]
    f1 = entity_f1(truth, recognizer.recognize(texts, recognizer.types))
    if f1 < bar:
        raise InvalidModel(
            f"{directory} does not answer here as it did where it was made: entity F1 {f1:.4f} on its check sentences, "
            f"below {bar}; with this processor or engine import it again, or with --precision fp32"
        )
    return f1
