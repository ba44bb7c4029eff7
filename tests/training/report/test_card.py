"""The everyday sentences of the model card."""

from __future__ import annotations

from pathlib import Path

from ner_runtime import Recognizer
from training.report.card import everyday_table, parse_everyday

SENTENCES = Path("training/report/everyday.txt").read_text(encoding="utf-8").splitlines()


def test_annotated_names_are_parsed() -> None:
    text, names = parse_everyday("[王菲|PER]来[北京|LOC]了[哈哈]")
    assert text == "王菲来北京了[哈哈]"
    assert names == {("PER", 0, 2), ("LOC", 3, 5)}


def test_there_are_thirty_sentences_each_with_a_name() -> None:
    assert len(SENTENCES) == len(set(SENTENCES)) == 30
    assert all(parse_everyday(line)[1] for line in SENTENCES)


def test_every_sentence_is_in_the_table(recognizer: Recognizer) -> None:
    table = everyday_table(recognizer)
    assert all(parse_everyday(line)[0] in table for line in SENTENCES)
    assert table.count("✓") + table.count("✗") == 30
