"""Corpora are read under one set of types."""

from __future__ import annotations

from pathlib import Path

from training.data.corpora import (
    CORPORA,
    DEV_SETS,
    TYPES,
    Corpus,
    Span,
    TypeMap,
    find_corpus,
    read_raw,
    read_split,
    read_train,
)


def test_native_types_are_mapped_kept_or_unknown() -> None:
    type_map = TypeMap({"cluener": {"company": "ORG", "book": None}})
    assert type_map("cluener", "company") == "ORG"
    assert type_map("cluener", "book") is None
    assert type_map("cluener", "Participant") is None
    assert type_map("msra", "PER") == "PER"


def test_spans_have_mapped_types(data: Path) -> None:
    first = read_split(data, Corpus("msra", frozenset(TYPES)), "train", TypeMap.read(data))[0]
    assert first.spans[0] == Span(0, 3, "PER")
    assert [first.text[span.start : span.end] for span in first.spans] == ["张小明", "青山市", "青山大学"]


def test_a_distrusted_type_is_unknown(data: Path) -> None:
    corpus = Corpus("gm_time", frozenset({"TIME"}), distrusted=frozenset({"LOC"}))
    first = read_train(data, corpus, TypeMap.read(data))[0]
    assert [span.type for span in first.spans] == ["PER", None, "ORG"]


def test_a_type_without_a_counterpart_is_unknown(data: Path) -> None:
    first = read_train(data, find_corpus("youku"), TypeMap.read(data))[0]
    assert [span.type for span in first.spans] == ["PER", None, "ORG"]


def test_raw_text_excludes_the_held_out_part(data: Path) -> None:
    lines = list(read_raw(data))
    assert lines.count("") == 2


def test_corpora_annotate_known_types_and_aishell_is_not_trained_on() -> None:
    assert all(corpus.annotated <= set(TYPES) for corpus in CORPORA)
    assert all(not corpus.annotated & corpus.distrusted for corpus in CORPORA)
    assert "aishell_ner" in DEV_SETS
    assert "aishell_ner" not in {corpus.name for corpus in CORPORA}
