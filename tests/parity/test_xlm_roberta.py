"""XLM-RoBERTa models: the FP32 model and ModelScope's pipeline find the same entities, as in `test_pipeline.py`.

Both rules are compared: labels for code points and labels for words. With the second one, ModelScope fails on texts
that its tokenizer normalizes, because it searches for the normalized pieces in the text; those texts are compared up to
the pieces.
"""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from ner_runtime.inference.tokenizers.unigram import UnigramTokenizer, open_vocabulary
from ner_runtime.models.convert.sample import sample_sentences
from tests.support.models.checkpoints import NEWS, TINY_XLM, bio, bioes, medical_order
from tests.support.models.oracle import Found, unrepaired
from tests.support.models.parity import Case, check_equal, check_inputs, types_in
from tests.support.texts.generated import MAX_PIECES, generated_texts, texts_of_words

FULL, FEW = 1000, 40
BATCH = 16
GENERIC = ("CORP", "CW", "GRP", "LOC", "PER", "PROD")

RECIPES: dict[str, dict[str, Any]] = {
    "code points, hub, BIOES": {"seed": 11, "labels": bioes(GENERIC)},
    "words, hub, BIO": {"seed": 12, "labels": bio(GENERIC), "by_word": True},
    "code points, head, the medical order, label_mapping.json": {
        "seed": 13, "labels": medical_order(NEWS), "layout": "head", "labels_in": "label_mapping", "string_ids": True,
    },
    "words, old names, id2label in configuration.json": {
        "seed": 14, "layout": "old names", "labels_in": "configuration.model.id2label", "by_word": True,
    },
    "code points, fast tokenizer": {"seed": 15, "fast": True},
    "words, fast tokenizer": {"seed": 16, "fast": True, "by_word": True},
}  # fmt: skip
QUICK = list(RECIPES)[:2]
FAST_EXCEPTION = "\x85"
"""The fast tokenizer gives one piece to this control character, the other one two."""


class XlmCase(Case):
    """A checkpoint of an XLM-RoBERTa model."""

    def texts(self, count: int) -> list[str]:
        seed = self.recipe.seed
        if self.recipe.by_word:
            return texts_of_words(count, seed, self.tokenizer)
        # Half of the texts are those of the BERT models, with every kind of code point.
        half = count // 2
        texts = generated_texts(half, seed, self.tokenizer) + texts_of_words(count - half, seed, self.tokenizer)
        return [text.replace(FAST_EXCEPTION, " ") for text in texts] if self.recipe.fast else texts


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, XlmCase]:
    recipes = {name: replace(TINY_XLM, **changes) for name, changes in RECIPES.items()}
    return {name: XlmCase(tmp_path_factory.mktemp("parity"), recipe) for name, recipe in recipes.items()}


def without_leading_space(text: str, found: list[Found]) -> list[Found]:
    """The entities without the white space that the fast tokenizer includes in the word after it."""
    moved = [(type_, end - len(text[start:end].lstrip()), end) for type_, _, start, end in found]
    return [(type_, text[start:end], start, end) for type_, start, end in moved]


def check_case(case: XlmCase, count: int) -> None:
    texts = case.texts(count)
    ours = [unrepaired(case.ours, text) for text in texts]
    theirs = case.oracle.entities(texts, BATCH)
    if case.recipe.by_word and case.recipe.fast:
        theirs = [without_leading_space(text, found) for text, found in zip(texts, theirs, strict=True)]
    check_equal(texts, ours, theirs)
    assert types_in(theirs) == set(case.ours.types)


@pytest.mark.parametrize("name", QUICK)
def test_entities_of_a_few_texts(cases: dict[str, XlmCase], name: str) -> None:
    check_case(cases[name], FEW)


@pytest.mark.parametrize("name", QUICK)
def test_pieces_positions_and_offsets(cases: dict[str, XlmCase], name: str) -> None:
    check_inputs(cases[name], cases[name].texts(FEW))


def test_pieces_of_texts_that_modelscope_cannot_place(cases: dict[str, XlmCase]) -> None:
    check_unplaced(cases["words, hub, BIO"], FEW)


def check_unplaced(case: XlmCase, count: int) -> None:
    """Compare the pieces and the first pieces of texts in which ModelScope does not find its pieces."""
    upstream = case.oracle.pipeline.preprocessor.nlp_tokenizer.tokenizer
    control = upstream.all_special_tokens
    texts = [
        text
        for text in generated_texts(count, case.recipe.seed, case.tokenizer)
        if not any(token in text for token in control)
    ]
    assert any(unicodedata.normalize("NFKC", text) != text for text in texts)
    for text in texts:
        ids, first, offsets = case.tokenizer.encode(text)
        tokens = upstream.tokenize(text)
        assert upstream.convert_tokens_to_ids(tokens) == ids.tolist()
        assert [index for index, token in enumerate(tokens) if token.startswith("▁")] == first.tolist()
        assert offsets is not None
        assert all(start <= end for start, end in offsets.tolist())


@pytest.mark.parity
@pytest.mark.parametrize("name", RECIPES)
def test_entities_of_a_thousand_texts(cases: dict[str, XlmCase], name: str) -> None:
    check_case(cases[name], FULL)


@pytest.mark.parity
@pytest.mark.parametrize("name", RECIPES)
def test_pieces_positions_and_offsets_of_a_thousand_texts(cases: dict[str, XlmCase], name: str) -> None:
    check_inputs(cases[name], cases[name].texts(FULL))


@pytest.mark.parity
def test_pieces_of_a_thousand_texts_that_modelscope_cannot_place(cases: dict[str, XlmCase]) -> None:
    check_unplaced(cases["words, hub, BIO"], FULL)


@pytest.mark.parity
@pytest.mark.parametrize("fast", [False, True])
def test_every_code_point_has_the_same_pieces(cases: dict[str, XlmCase], fast: bool) -> None:
    case = cases["code points, fast tokenizer" if fast else "code points, hub, BIOES"]
    tokenizer = UnigramTokenizer(open_vocabulary(case.checkpoint / "sentencepiece.bpe.model"))
    upstream = case.oracle.pipeline.preprocessor.nlp_tokenizer.tokenizer
    exceptions = {FAST_EXCEPTION} if fast else set[str]()
    for code_point in range(0x110000):
        if 0xD800 <= code_point < 0xE000 or chr(code_point) in exceptions:
            continue
        character = chr(code_point)
        theirs = upstream.encode(character, add_special_tokens=False) or [upstream.unk_token_id]
        assert tokenizer.encode(character).ids.tolist() == theirs, f"U+{code_point:04X}"


def test_long_text_is_split_between_words(cases: dict[str, XlmCase]) -> None:
    ours = cases["words, hub, BIO"].ours
    text = " ".join(sample_sentences(60, split="words"))
    encoded = ours.encode(text)
    assert len(encoded.windows) > 1
    assert all(window.tokens <= MAX_PIECES + 2 for window in encoded.encoded)
    entities = unrepaired(ours, text)
    words = set(text.split())
    assert entities
    for _, span, start, end in entities:
        assert text[start:end] == span
        assert set(span.split()) <= words
    starts = [start for *_, start, _ in entities]
    assert starts == sorted(starts)
    # Before the last quarter of the first window, its neighbour changes nothing.
    near = encoded.windows[0].end // 2
    alone = unrepaired(ours, text[: encoded.windows[0].end])
    assert [entity for entity in entities if entity[3] < near] == [entity for entity in alone if entity[3] < near]


def test_text_without_spaces_that_does_not_fit_into_the_encoder(cases: dict[str, XlmCase]) -> None:
    ours = cases["words, hub, BIO"].ours
    text = "上海市" * 500 + " Anna Miller"
    encoded = ours.encode(text)
    assert all(window.tokens <= MAX_PIECES + 2 for window in encoded.encoded)
    assert all(text[start:end] == span for _, span, start, end in unrepaired(ours, text))


def test_words_of_random_splits_agree(cases: dict[str, XlmCase]) -> None:
    """Parts of a window that hold whole words have the pieces of those words."""
    ours = cases["words, hub, BIO"].ours
    random = Random(5)
    for text in texts_of_words(20, 5, cases["words, hub, BIO"].tokenizer):
        [whole] = ours.encode(text).encoded
        assert whole.offsets is not None
        starts = [*whole.offsets[:, 0].tolist(), len(text)]
        start, end = sorted(random.sample(starts, 2))
        part = whole.part(start, end)
        assert part.text == text[start:end]
        alone = cases["words, hub, BIO"].tokenizer.encode(part.text)
        assert part.ids.tolist() == alone.ids.tolist()
        assert part.offsets is not None
        assert alone.offsets is not None
        assert part.offsets.tolist() == alone.offsets.tolist()
