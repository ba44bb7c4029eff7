"""Check that a model returns the same entities on this machine and engine as on the machine that built it.

    check.jsonl     next to model.json: sentences of the bundled sample with the entities of the model, as JSON lines

INT8 kernels differ between processors and engines and can lose accuracy without an error. The agreement with FP32 is
measured once, on import (`agreement.py`). This check runs at startup, takes about a second and needs no FP32 model. For
more detail, run `raner evaluate MODEL/check.jsonl --model MODEL`.
"""

from __future__ import annotations

from pathlib import Path

from ner_runtime.entities import Entity
from ner_runtime.errors import InputError, InvalidModel
from ner_runtime.jsonl import entity_line, read_sentences
from ner_runtime.models.convert.agreement import MIN_AGREEMENT, entity_f1
from ner_runtime.models.convert.sample import sample_sentences
from ner_runtime.recognizer import Recognizer

CHECK_FILE = "check.jsonl"
SENTENCES = 48
_MAX_CHARS = 64


def write_self_check(recognizer: Recognizer, directory: Path) -> None:
    """Write `check.jsonl` into a model directory; the caller updates the manifest."""
    # Use the end of the sample: calibration used the beginning.
    sentences = sample_sentences(split=recognizer.manifest.split)
    texts = [text for text in reversed(sentences) if len(text) <= _MAX_CHARS][:SENTENCES]
    entities = recognizer.recognize(texts, recognizer.types)
    lines = [entity_line(*line) for line in zip(texts, entities, strict=True)]
    (directory / CHECK_FILE).write_bytes(b"\n".join(lines) + b"\n")


def run_self_check(recognizer: Recognizer, directory: Path, min_agreement: float = MIN_AGREEMENT) -> float | None:
    """Compare the entities of a recognizer with the `check.jsonl` of its directory.

    Returns:
        The entity F1, from `min_agreement` to 1; None if `check.jsonl` does not exist, as in older imports.

    Raises:
        InvalidModel: the F1 is below `min_agreement`, or `check.jsonl` cannot be read.
    """
    path = directory / CHECK_FILE
    if not path.is_file():
        return None
    try:
        sentences = list(read_sentences(str(path)))
    except InputError as error:
        raise InvalidModel(error.message) from None
    texts = [sentence.text for sentence in sentences]
    expected = [
        [Entity(span.type, sentence.text[span.start : span.end], span.start, span.end, 1.0) for span in sentence.spans]
        for sentence in sentences
    ]
    f1 = entity_f1(expected, recognizer.recognize(texts, recognizer.types))
    if f1 < min_agreement:
        raise InvalidModel(
            f"{directory} returns other entities on this machine than where it was built: entity F1 {f1:.4f} on its "
            f"check sentences, below {min_agreement}; import it again on this machine, or with --precision fp32"
        )
    return f1
