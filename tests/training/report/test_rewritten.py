"""Rewritten sentences keep their names."""

from __future__ import annotations

from ner_runtime import Recognizer
from training.data.corpora import Sentence, Span
from training.report.rewritten import REWRITES, rewritten_scores

ANNOTATED = frozenset({"PER", "LOC", "ORG"})
TEXT = "“ＫＢＣ”总裁马云，5月在杭州。"
SENTENCE = Sentence(TEXT, (Span(1, 4, "ORG"), Span(7, 9, "PER"), Span(13, 15, "LOC")), ANNOTATED)


def test_every_rewrite_keeps_the_spans_on_the_names() -> None:
    texts = {name: rewrite(SENTENCE) for name, rewrite in REWRITES.items()}
    assert texts["as it is"] == SENTENCE
    assert texts["half-width"].text == '"KBC"总裁马云,5月在杭州.'
    assert texts["full-width"].text == "“ＫＢＣ”总裁马云，５月在杭州。"
    assert texts["without punctuation"].text == "ＫＢＣ总裁马云5月在杭州"
    assert texts["traditional script"].text == "“ＫＢＣ”總裁馬雲，5月在杭州。"
    for sentence in texts.values():
        places = [sentence.text[span.start : span.end] for span in sentence.spans]
        assert [place.translate({0x96F2: "云"}).replace("馬", "马") for place in places[1:]] == ["马云", "杭州"]


def test_entities_that_overlap_an_unknown_span_are_not_scored(recognizer: Recognizer) -> None:
    text = "马云在杭州。"
    [entities] = recognizer.recognize([text])
    found = [Span(entity.start, entity.end, entity.type) for entity in entities]
    assert found
    known = Sentence(text, tuple(found), ANNOTATED)
    missing = Sentence(text, (Span(5, 6, "ORG"),), ANNOTATED)
    unknown = Sentence(text, (*(Span(span.start, span.end, None) for span in found), Span(5, 6, "ORG")), ANNOTATED)
    assert rewritten_scores(recognizer, [known])["as it is"] == 100
    assert rewritten_scores(recognizer, [known, missing])["as it is"] < 100
    assert (
        rewritten_scores(recognizer, [known, unknown])["as it is"]
        > rewritten_scores(recognizer, [known, missing])["as it is"]
    )
