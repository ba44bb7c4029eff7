"""Rewritten text is compared with what the model finds in plain text."""

from __future__ import annotations

import random

from ner_runtime import Recognizer
from training.data.corpora import Sentence, Span
from training.report.robustness import REWRITES, kept_share

SENTENCE = Sentence("马云在杭州。", (Span(0, 2, "PER"), Span(3, 5, "LOC")), frozenset({"PER", "LOC"}))


def test_unchanged_text_keeps_everything(recognizer: Recognizer) -> None:
    assert kept_share(recognizer, lambda sentence, _: sentence) == 1.0


def test_text_without_its_names_keeps_nothing(recognizer: Recognizer) -> None:
    assert kept_share(recognizer, lambda sentence, _: Sentence("的", sentence.spans, sentence.annotated)) == 0.0


def test_markup_surrounds_every_name() -> None:
    assert REWRITES["Markdown emphasis"](SENTENCE, random.Random(1)).text == "**马云**在**杭州**。"
    assert REWRITES["HTML tags"](SENTENCE, random.Random(1)).text == "<b>马云</b>在<b>杭州</b>。"


def test_spaces_and_lines_are_part_of_the_names_that_they_are_in() -> None:
    for name in ("stray spaces", "line breaks"):
        rewritten = REWRITES[name](SENTENCE, random.Random(3))
        plain = ["".join(rewritten.text[span.start : span.end].split()) for span in rewritten.spans]
        assert plain == ["马云", "杭州"]
