"""The FP32 model and ModelScope's pipeline find the same entities, from the same pieces, at the same offsets.

The comparison is made before the span rules are applied, and the rules may change only spans that break them.

The default test run compares a few texts with two checkpoints; `make parity` compares a thousand texts with each of
five. `test_decoding_of_the_same_logits` decodes the logits of ModelScope with both, which separates a difference in
decoding from a rounding difference in the logits.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from ner_runtime import Recognizer
from ner_runtime.entities import Entity
from ner_runtime.inference.crf import Crf
from ner_runtime.inference.span_rules import is_invisible, unpaired_marks
from ner_runtime.inference.tokenizers.wordpiece import WordPieceTokenizer, WordPieceVocabulary
from ner_runtime.manifest import CRF_FILE
from ner_runtime.models.convert.build import build_model_directory
from tests.support.models.checkpoints import ECOM, MEDICAL, NEWS, TINY, bio, bioes, medical_order, write_checkpoint
from tests.support.models.oracle import Found, unrepaired
from tests.support.models.parity import Case, check_equal, check_inputs, types_in
from tests.support.texts.generated import generated_texts

FULL, FEW = 1000, 60
BATCH = 16

RECIPES: dict[str, dict[str, Any]] = {
    "hub, BIOES, 13 labels": {"seed": 1},
    "head, BIO, string ids in label_mapping.json": {
        "layout": "head", "labels": bio(NEWS), "labels_in": "label_mapping", "string_ids": True, "seed": 2,
    },
    "old names, the medical order, id2label in configuration.json": {
        "layout": "old names", "labels": medical_order(MEDICAL), "labels_in": "configuration.model.id2label", "seed": 3,
    },
    "hub, 217 labels, id2label in config.json": {"labels": bioes(ECOM), "labels_in": "config.id2label", "seed": 4},
    "head, cased, O last, label2id of a preprocessor": {
        "layout": "head", "labels": bioes(MEDICAL[:3])[::-1], "labels_in": "configuration.preprocessor.label2id",
        "preprocessor": "ner-tokenizer", "lowercase": False, "seed": 5,
    },
}  # fmt: skip
QUICK = list(RECIPES)[:2]
# ModelScope cannot load these layouts, or silently loads random weights.
OURS_ALONE: dict[str, dict[str, Any]] = {
    "module": {"layout": "module"},
    "nested": {"layout": "nested"},
    "safetensors": {"weights": "safetensors"},
}


class BertCase(Case):
    """A checkpoint of a BERT model. Its vocabulary is read without opening the model, which takes longer."""

    @cached_property
    def tokenizer(self) -> WordPieceTokenizer:
        return WordPieceTokenizer(
            WordPieceVocabulary.from_file(self.checkpoint / "vocab.txt", lowercase=self.recipe.lowercase)
        )

    @cached_property
    def crf(self) -> Crf:
        _ = self.ours
        return Crf.from_file(self.model / CRF_FILE, self.recipe.labels)

    def texts(self, count: int) -> list[str]:
        return generated_texts(count, self.recipe.seed, self.tokenizer)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, BertCase]:
    recipes = {name: replace(TINY, **changes) for name, changes in RECIPES.items()}
    return {name: BertCase(tmp_path_factory.mktemp("parity"), recipe) for name, recipe in recipes.items()}


def found(entities: list[Entity]) -> list[Found]:
    return [(entity.type, entity.span, entity.start, entity.end) for entity in entities]


def check_case(case: BertCase, count: int, batch_size: int = BATCH) -> None:
    texts = case.texts(count)
    ours = [unrepaired(case.ours, text) for text in texts]
    theirs = case.oracle.entities(texts, batch_size)
    for text, raw, entities in zip(texts, ours, case.ours.recognize(texts), strict=True):
        check_repairs(text, raw, found(entities))
    check_equal(texts, ours, theirs)
    types = types_in(theirs)
    assert types == set(case.ours.types) or len(types) > 40


def breaks_a_rule(span: str) -> bool:
    return is_invisible(span[0]) or is_invisible(span[-1]) or bool(unpaired_marks(span))


def check_repairs(text: str, raw: list[Found], repaired: list[Found]) -> None:
    """Check that the span rules change only spans that break them."""
    broken = [entity for entity in raw if breaks_a_rule(entity[1])]
    kept = [entity for entity in raw if entity not in broken]
    assert [entity for entity in repaired if entity in kept] == kept
    for _, span, start, end in (entity for entity in repaired if entity not in kept):
        assert text[start:end] == span
        assert not breaks_a_rule(span)
        # A span can be extended by one mark.
        assert any(first <= start and end <= last + 1 for *_, first, last in broken)


def check_decoding(case: BertCase, count: int) -> None:
    for text in case.texts(count):
        emissions = case.oracle.emissions(text)  # (positions, labels)
        [spans] = case.crf.decode(emissions[None], [len(emissions)])
        [theirs] = case.oracle.entities([text])
        assert [(span.type, span.start, span.end) for span in spans] == [(t, s, e) for t, _, s, e in theirs]


@pytest.mark.parametrize("name", QUICK)
def test_entities_of_a_few_texts(cases: dict[str, BertCase], name: str) -> None:
    check_case(cases[name], FEW)


def test_entities_of_single_texts(cases: dict[str, BertCase]) -> None:
    check_case(cases[QUICK[0]], FEW // 3, batch_size=1)


@pytest.mark.parametrize("name", RECIPES)
def test_pieces_positions_and_offsets(cases: dict[str, BertCase], name: str) -> None:
    check_inputs(cases[name], cases[name].texts(FEW))


def test_decoding_of_the_same_logits(cases: dict[str, BertCase]) -> None:
    check_decoding(cases[QUICK[0]], 10)


@pytest.mark.parametrize("changes", OURS_ALONE.values(), ids=OURS_ALONE)
def test_layouts_that_modelscope_does_not_read(
    cases: dict[str, BertCase], tmp_path: Path, changes: dict[str, Any]
) -> None:
    case = cases[QUICK[0]]
    checkpoint = write_checkpoint(tmp_path / "checkpoint", case.recipe, **changes)
    build_model_directory(checkpoint, tmp_path / "model", "alone", "fp32")
    texts = case.texts(FEW)
    expected = [found(entities) for entities in case.ours.recognize(texts)]
    assert [found(entities) for entities in Recognizer.open(tmp_path / "model").recognize(texts)] == expected
    assert any(expected)


@pytest.mark.parity
@pytest.mark.parametrize("name", RECIPES)
def test_entities_of_a_thousand_texts(cases: dict[str, BertCase], name: str) -> None:
    check_case(cases[name], FULL)


@pytest.mark.parity
@pytest.mark.parametrize("name", RECIPES)
def test_pieces_positions_and_offsets_of_a_thousand_texts(cases: dict[str, BertCase], name: str) -> None:
    check_inputs(cases[name], cases[name].texts(FULL))


@pytest.mark.parity
@pytest.mark.parametrize("lowercase", [True, False])
def test_every_code_point_has_the_same_pieces(tmp_path: Path, lowercase: bool) -> None:
    case = BertCase(tmp_path, replace(TINY, lowercase=lowercase))
    upstream = case.oracle.pipeline.preprocessor.nlp_tokenizer.tokenizer
    for code_point in range(sys.maxunicode + 1):
        if 0xD800 <= code_point < 0xE000:
            continue
        character = chr(code_point)
        theirs = upstream.encode(character, add_special_tokens=False) or [upstream.unk_token_id]
        assert case.tokenizer.encode(character)[0].tolist() == theirs, f"U+{code_point:04X}"


@pytest.mark.parity
@pytest.mark.parametrize("name", RECIPES)
def test_decoding_of_a_hundred_texts(cases: dict[str, BertCase], name: str) -> None:
    check_decoding(cases[name], 100)
