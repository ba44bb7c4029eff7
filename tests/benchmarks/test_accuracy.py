"""The accuracy benchmark: words to spans, scores to a table and pictures. Only `make bench-accuracy` runs the peers."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.accuracy.peers import spans_of
from benchmarks.accuracy.report import draw, draw_speed, markdown, page
from ner_runtime import Recognizer
from ner_runtime.embedded import embedded_model
from ner_runtime.recognizer import RULES_VERSION

TABLE = {"msra/dev": {"raner-mini": 91.5, "peer": 70.25}, "weibo/dev": {"raner-mini": 50.0}}


def test_words_of_a_type_are_spans() -> None:
    words = [("马云", "nr"), ("在", "p"), ("杭州", "ns")]
    assert spans_of(words, {"nr": "PER", "ns": "LOC"}) == [("PER", 0, 2), ("LOC", 3, 5)]


@given(st.lists(st.tuples(st.text(min_size=1, max_size=4), st.sampled_from(["nr", "x"])), max_size=8))
def test_a_span_is_its_word(words: list[tuple[str, str]]) -> None:
    text = "".join(word for word, _ in words)
    spans = spans_of(words, {"nr": "PER"})
    assert [text[start:end] for _, start, end in spans] == [word for word, tag in words if tag == "nr"]


def test_the_best_score_of_a_row_is_bold_and_a_missing_one_is_a_dash() -> None:
    rows = markdown(TABLE).splitlines()
    assert rows[0] == "| set | raner-mini | peer |"
    assert rows[2] == "| msra/dev | **91.50** | 70.25 |"
    assert rows[3] == "| weibo/dev | **50.00** | – |"


def test_the_last_row_is_the_speed() -> None:
    assert markdown(TABLE, {"raner-mini": 1234.5}).splitlines()[-1] == "| sentences a second, one core | 1,234 | – |"


def test_the_published_scores_belong_to_the_model_that_ships(recognizer: Recognizer) -> None:
    measured = json.loads(Path("docs/accuracy.json").read_bytes())
    version = recognizer.manifest.version
    assert (measured["version"], measured["reading"]) == (version, RULES_VERSION)
    written = page(measured["scores"], measured.get("sentences_per_second"))
    assert Path("docs/accuracy.md").read_text(encoding="utf-8") == written
    assert f"| version | `{version}` |" in (embedded_model() / "README.md").read_text(encoding="utf-8")


def test_the_pictures_are_drawn(tmp_path: Path) -> None:
    draw(TABLE, tmp_path / "scores.png")
    draw_speed(TABLE, {"raner-mini": 500.0, "peer": 90.0}, tmp_path / "speed.png")
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in tmp_path.iterdir())
