"""Which of several findings that overlap is replaced."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.redaction.findings import Finding, without_overlaps


def test_the_longest_finding_wins() -> None:
    text = "主页https://a.cn/13800138000"
    url, phone = Finding("URL", 2, 26, "pattern"), Finding("PHONE", 15, 26, "pattern")
    assert without_overlaps(text, [phone, url]) == [url]


def test_a_pattern_wins_over_an_entity_of_the_same_length() -> None:
    entity, pattern = Finding("TIME", 0, 11, "model", 0.9), Finding("PHONE", 0, 11, "pattern")
    assert without_overlaps("13800138000", [entity, pattern]) == [pattern]


def test_what_a_shorter_finding_does_not_share_stays_a_finding() -> None:
    text = "张三 13800138000"
    person, phone = Finding("PER", 0, 6, "model", 0.5), Finding("PHONE", 3, 14, "pattern")
    assert without_overlaps(text, [person, phone]) == [Finding("PER", 0, 2, "model", 0.5), phone]


@given(st.data())
def test_every_letter_that_was_found_is_in_one_finding(data: st.DataObject) -> None:
    text = data.draw(st.text("张三 1，", min_size=1, max_size=20))
    one = st.tuples(st.integers(0, len(text) - 1), st.integers(1, 20), st.sampled_from(["model", "pattern"]))
    findings = [
        Finding("X", start, min(start + length, len(text)), source)
        for start, length, source in data.draw(st.lists(one))
    ]
    kept = without_overlaps(text, findings)
    covered = [position for one in kept for position in range(one.start, one.end)]
    assert covered == sorted(set(covered))
    asked = {position for one in findings for position in range(one.start, one.end) if text[position].isalnum()}
    assert asked <= set(covered)
