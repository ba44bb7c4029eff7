"""Exports of AdaSeq: the FP32 model finds what AdaSeq 0.6.6 found, from the same pieces, at the same offsets.

`adaseq.json` contains texts, and for each of two checkpoints what AdaSeq found in them. To make it again:

    python -m tests.parity.test_adaseq WORK     writes the checkpoints and the texts
    python tests/support/programs/adaseq_oracle.py WORK/crf WORK/texts.json WORK/crf.json     and the same for `argmax`
    python -m tests.parity.test_adaseq WORK     writes adaseq.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ner_runtime import Recognizer
from ner_runtime.inference.tokenizers.factory import open_tokenizer
from ner_runtime.inference.tokenizers.wordpiece import WordPieceTokenizer, WordPieceVocabulary
from ner_runtime.models.convert.build import build_model_directory
from tests.support.models.checkpoints import NEWS, bio, write_adaseq
from tests.support.models.oracle import Found, unrepaired
from tests.support.texts.generated import generated_texts

EXPECTED = Path(__file__).with_name("adaseq.json")
RECIPES: dict[str, dict[str, Any]] = {
    "crf": {"seed": 21},
    "argmax": {"seed": 22, "crf": False, "labels": bio(NEWS), "lowercase": False},
}
TEXTS = 30
# AdaSeq treats them as control tokens.
_SPECIAL = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")


def texts_for_adaseq(checkpoint: Path, count: int) -> list[str]:
    tokenizer = WordPieceTokenizer(WordPieceVocabulary.from_file(checkpoint / "vocab.txt", lowercase=True))
    # Each continuation piece becomes three pieces, and a text has at most 510.
    texts = (text[:160].strip() for text in generated_texts(2 * count, 20, tokenizer))
    return [text for text in texts if text and not any(token in text for token in _SPECIAL)][:count]


def without_overlaps(found: list[Found]) -> list[Found]:
    """The entities without those that share a code point with the one before, as the jamo of a syllable can."""
    kept: list[Found] = []
    for type_, span, start, end in found:
        if not kept or start >= kept[-1][3]:
            kept.append((type_, span, start, end))
    return kept


def check_outputs(folder: Path, checkpoint: Path, rows: list[dict[str, Any]]) -> None:
    """Compare a checkpoint with the outputs of AdaSeq, as `adaseq_oracle.py` writes them."""
    manifest = build_model_directory(checkpoint, folder / "model", "adaseq", "fp32")
    ours = Recognizer.open(folder / "model")
    tokenizer = open_tokenizer(folder / "model", manifest)
    types: set[str] = set()
    for row in rows:
        ids, first, offsets = tokenizer.encode(row["text"])
        assert [tokenizer.cls, *ids.tolist(), tokenizer.sep] == row["ids"], row["text"]
        assert (first + 1).tolist() == row["first"]
        assert offsets is not None
        assert offsets.tolist() == row["offsets"]
        theirs = [(type_, span, start, end) for type_, span, start, end in row["entities"]]
        assert unrepaired(ours, row["text"]) == without_overlaps(theirs), row["text"]
        types.update(type_ for type_, *_ in theirs)
    assert types == set(manifest.types)


@pytest.mark.parametrize("name", RECIPES)
def test_outputs_of_adaseq(tmp_path: Path, name: str) -> None:
    rows = json.loads(EXPECTED.read_text(encoding="utf-8"))[name]
    assert len(rows) == TEXTS
    check_outputs(tmp_path, write_adaseq(tmp_path / "checkpoint", **RECIPES[name]), rows)


def _one_row_a_line(found: dict[str, list[Any]]) -> str:
    lists = {name: ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) for name, rows in found.items()}
    return "{" + ",\n".join(f'"{name}": [\n{rows}\n]' for name, rows in lists.items()) + "}\n"


def main(work: Path, count: int = TEXTS) -> None:
    outputs = {name: work / f"{name}.json" for name in RECIPES}
    if all(path.exists() for path in outputs.values()):
        found = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in outputs.items()}
        EXPECTED.write_text(_one_row_a_line(found), encoding="utf-8")
        return
    for name, recipe in RECIPES.items():
        write_adaseq(work / name, **recipe)
    texts = texts_for_adaseq(work / "crf", count)
    (work / "texts.json").write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
