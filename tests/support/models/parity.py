"""A checkpoint opened by ModelScope and by this package, and the comparison of the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ner_runtime import Recognizer
from ner_runtime.inference.tokenizers.base import Tokenizer
from ner_runtime.inference.tokenizers.factory import open_tokenizer
from ner_runtime.models.convert.build import build_model_directory
from tests.support.models.checkpoints import Recipe, write_checkpoint
from tests.support.models.oracle import Found, Oracle


@dataclass
class Case:
    """A checkpoint, which is written and opened when it is needed."""

    folder: Path
    recipe: Recipe

    @cached_property
    def checkpoint(self) -> Path:
        return write_checkpoint(self.folder / "checkpoint", self.recipe)

    @cached_property
    def oracle(self) -> Oracle:
        return Oracle(self.checkpoint)

    @cached_property
    def ours(self) -> Recognizer:
        build_model_directory(self.checkpoint, self.model, "parity", "fp32")
        return Recognizer.open(self.model)

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return open_tokenizer(self.model, self.ours.manifest)


def check_equal(texts: Sequence[str], ours: list[list[Found]], theirs: list[list[Found]]) -> None:
    """Check that both found the same, and enough of it for a comparison to mean something."""
    different = [index for index in range(len(texts)) if ours[index] != theirs[index]]
    assert not different, f"{len(different)} of {len(texts)} texts differ, the first is {different[0]}"
    assert 0.05 < sum(end - start for row in theirs for *_, start, end in row) / sum(map(len, texts)) < 0.95


def types_in(found: list[list[Found]]) -> set[str]:
    return {type_ for row in found for type_, *_ in row}


def check_inputs(case: Case, texts: Sequence[str]) -> None:
    """Check that both give the same pieces, positions of labelled pieces and offsets to the encoder."""
    tokenizer = case.tokenizer
    for text in texts:
        ids, first, offsets = tokenizer.encode(text)
        theirs = case.oracle.inputs(text)
        assert theirs.ids == [tokenizer.cls, *ids.tolist(), tokenizer.sep]
        assert theirs.positions == (first + 1).tolist()
        if offsets is None:
            assert theirs.offsets == [(index, index + 1) for index in range(len(text))]
        # The offsets of fast tokenizers include the white space before a word.
        elif not case.recipe.fast:
            assert theirs.offsets == list(map(tuple, offsets.tolist()))
