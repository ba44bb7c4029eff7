"""Recognition with lexicons: the rules of docs/lexicons.md as examples and as properties, with the embedded model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ner_runtime import Entity, Entry, Lexicon, Recognizer, UnknownType, embedded_model
from ner_runtime.inference.constraints.decoder import ConstrainedDecoder, ConstrainedWindow
from ner_runtime.inference.crf import BestPath, Crf, Floats
from ner_runtime.inference.marginals import Lattice
from ner_runtime.inference.span_rules import repair_spans
from ner_runtime.inference.spans import Span
from ner_runtime.inference.windows.encoded import EncodedWindow
from ner_runtime.lexicon.user.matches import LexiconSet
from ner_runtime.manifest import CRF_FILE
from tests.support.texts.examples import EXAMPLE, NEWS
from tests.support.texts.strategies import real_text

SOME = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
NAMES = ("北京", "北京大学", "大学", "马云", "云在杭", "学会", "团的马云", "iPhone", "Zürich", "天气", "，", "！你好")
PARTS = ("马云在北京大学", "马云", "北京", "大学", "今天天气好。", "！你好", "，学会")
TYPES = ("PER", "LOC", "ORG", "BRAND")

entry_lists = st.lists(
    st.builds(
        Entry, st.sampled_from(NAMES), st.sampled_from(TYPES), st.sampled_from(("prefer", "force", "forbid", "hint"))
    ),
    max_size=6,
)
texts = st.lists(st.sampled_from((*NAMES, *NEWS[:2], EXAMPLE)) | real_text, max_size=8).map("".join)


@pytest.fixture(scope="module")
def narrow() -> Recognizer:
    """The embedded model with short windows, which overlap."""
    return Recognizer.open(embedded_model(), window=32)


def recognized(recognizer: Recognizer, text: str, *entries: Entry) -> list[tuple[str, str, str]]:
    [found] = recognizer.recognize([text], lexicon=Lexicon.from_entries(entries))
    return [(entity.type, entity.span, entity.source) for entity in found]


def test_prefer_gives_way_to_a_longer_entity(recognizer: Recognizer) -> None:
    text = "他在北京大学读书，后来去了北京。"
    assert recognized(recognizer, text, Entry("北京", "BRAND")) == [
        ("ORG", "北京大学", "model"),
        ("BRAND", "北京", "lexicon"),
    ]


def test_force_does_not_give_way(recognizer: Recognizer) -> None:
    assert recognized(recognizer, "他在北京大学读书。", Entry("北京", "LOC", "force"))[0] == ("LOC", "北京", "lexicon")


def test_forbid_concerns_the_exact_text(recognizer: Recognizer) -> None:
    text = "他在北京大学读书，后来去了北京。"
    assert recognized(recognizer, text, Entry("北京", "*", "forbid")) == [("ORG", "北京大学", "model")]
    types = [type_ for type_, _, _ in recognized(recognizer, text, Entry("北京大学", "ORG", "forbid"))]
    assert "ORG" not in types


def test_a_hint_can_be_overruled(recognizer: Recognizer) -> None:
    text = "我们公司今天下午开会讨论方案。"
    assert recognized(recognizer, text, Entry("方案", "PER", "hint", 0.01)) == []
    assert recognized(recognizer, text, Entry("方案", "PER", "hint", 60.0)) == [("PER", "方案", "model")]


def test_the_type_of_an_entry_need_not_be_known_to_the_model(recognizer: Recognizer) -> None:
    lexicon = Lexicon.from_entries([Entry("开会", "EVENT")])
    [[entity]] = recognizer.recognize(["我们公司今天下午开会讨论方案。"], lexicon=lexicon)
    assert (entity.type, entity.span, entity.source) == ("EVENT", "开会", "lexicon")
    assert 0 <= entity.score < 0.5
    assert recognizer.recognize(["开会"], ["EVENT"], lexicon=lexicon)[0][0].type == "EVENT"
    assert recognizer.recognize(["开会"], ["PER"], lexicon=lexicon) == [[]]
    with pytest.raises(UnknownType):
        recognizer.recognize(["开会"], ["EVENT"])


def test_the_score_is_the_probability_under_the_model_alone(recognizer: Recognizer) -> None:
    text = "后来去了上海。"
    [[alone]] = recognizer.recognize([text])
    [[forced]] = recognizer.recognize([text], lexicon=Lexicon.from_entries([Entry("上海", "BRAND", "force")]))
    # For a type that the model does not know: the probability of an entity of any type.
    assert alone.score - 1e-6 <= forced.score <= 1
    [[unlikely, *_]] = recognizer.recognize([text], lexicon=Lexicon.from_entries([Entry("来去", "BRAND", "force")]))
    assert unlikely.score < 0.1


def test_the_rules_for_spans_hold_for_entries(recognizer: Recognizer) -> None:
    text = "见 https://example.com/上海 和 **上海**"
    assert recognized(recognizer, text, Entry("上海", "LOC", "force")) == [("LOC", "上海", "lexicon")]
    # A span holds both marks of a pair or neither.
    assert ("X", "海（浦", "lexicon") not in recognized(recognizer, "上海（浦东）", Entry("海（浦", "X", "force"))
    assert ("X", "边城", "lexicon") in recognized(recognizer, "读《边城》", Entry("《边城》", "X", "force"))


def test_an_entry_longer_than_a_window_is_no_entity(narrow: Recognizer) -> None:
    assert all(source == "model" for _, _, source in recognized(narrow, "长" * 60, Entry("长" * 40, "X", "force")))


@SOME
@given(text=texts, entries=entry_lists)
def test_offsets_are_exact_and_entities_do_not_overlap(
    recognizer: Recognizer, narrow: Recognizer, text: str, entries: list[Entry]
) -> None:
    for one in (recognizer, narrow):
        [entities] = one.recognize([text], [*one.types], lexicon=Lexicon.from_entries(entries))
        assert all(text[entity.start : entity.end] == entity.span != "" for entity in entities)
        assert all(left.end <= right.start for left, right in pairwise(entities))
        assert all(0 <= entity.score <= 1 for entity in entities)


def occurrences(text: str, names: list[str]) -> list[tuple[int, int]]:
    """The leftmost-longest occurrences of names without Latin letters."""
    found: list[tuple[int, int]] = []
    position = 0
    while position < len(text):
        fitting = [name for name in names if text.startswith(name, position)]
        if fitting:
            found.append((position, position + len(max(fitting, key=len))))
        position = found[-1][1] if fitting else position + 1
    return found


@SOME
@given(
    parts=st.lists(st.sampled_from(PARTS), max_size=24),
    forced=st.lists(st.sampled_from(("云在北", "学会", "！你好", "好。", "北京")), unique=True, max_size=3),
    preferred=st.lists(st.sampled_from(("马云", "北京大学", "大学", "天气")), unique=True, max_size=3),
    type_=st.sampled_from(TYPES),
)
def test_every_occurrence_is_an_entity(
    recognizer: Recognizer, narrow: Recognizer, parts: list[str], forced: list[str], preferred: list[str], type_: str
) -> None:
    text = "".join(parts)
    entries = [*(Entry(name, type_, "force") for name in forced), *(Entry(name, type_) for name in preferred)]
    of_force = occurrences(text, forced)
    of_prefer = [
        (start, end)
        for start, end in occurrences(text, preferred)
        if not any(start < last and first < end for first, last in of_force)
    ]
    for one in (recognizer, narrow):
        [recognition] = one.recognize_detailed([text], LexiconSet([Lexicon.from_entries(entries)]))
        found = {(entity.start, entity.end): entity for entity in recognition.entities}
        for start, end in of_force:
            assert repair_spans(text, [Span(type_, start, end)]) == [Span(type_, start, end)]
            assert (found[start, end].type, found[start, end].source) == (type_, "lexicon")
        for start, end in of_prefer:
            longer = [(s, e) for s, e in found if s <= start and end <= e and e - s > end - start]
            assert longer or (found[start, end].type, found[start, end].source) == (type_, "lexicon")


@SOME
@given(text=texts)
def test_a_text_without_matches_is_recognized_as_without_a_lexicon(
    recognizer: Recognizer, narrow: Recognizer, text: str
) -> None:
    modes = ("prefer", "force", "forbid", "hint")
    lexicon = LexiconSet([Lexicon.from_entries([Entry("不存在的名字", "TITLE", mode)]) for mode in modes])
    for one in (recognizer, narrow):
        assert one.recognize_detailed([text], lexicon) == one.recognize_detailed([text])


def test_entities_do_not_depend_on_other_texts(recognizer: Recognizer) -> None:
    entries = [Entry("北京", "BRAND"), Entry("马云", "*", "forbid"), Entry("人工", "ORG", "force")]
    lexicon = LexiconSet([Lexicon.from_entries(entries)])
    batch = [*NEWS, EXAMPLE, "", "北京"]

    def spans(entities: list[Entity]) -> list[tuple[str, int, int, str]]:
        return [(entity.type, entity.start, entity.end, entity.source) for entity in entities]

    together = recognizer.recognize_detailed(batch, lexicon)
    alone = [recognizer.recognize_detailed([text], lexicon)[0] for text in batch]
    assert [spans(one.entities) for one in together] == [spans(one.entities) for one in alone]


def test_entries_are_part_of_the_lexicon_input_of_the_model(recognizer: Recognizer) -> None:
    lexicon = LexiconSet([Lexicon.from_entries([Entry("星野岚", "PER", "hint", 0.0)])])
    plain, with_entry = (recognizer.encode("星野岚在家", one).encoded[0].flags for one in (None, lexicon))
    assert plain is not None
    assert with_entry is not None
    assert (with_entry >= plain).all()
    assert with_entry.sum() > plain.sum()


def test_a_forbidden_entity_is_banned_also_if_the_crf_mixes_types() -> None:
    # The path that the ban leaves is B-LOC I-PER I-PER E-PER, which is a LOC again.
    labels = ["O", *(f"{prefix}-{type_}" for type_ in ("LOC", "PER") for prefix in "BIES")]
    emissions = np.zeros((1, 4, len(labels)), dtype=np.float32)
    for position, prefix in enumerate("BIIE"):
        emissions[0, position, [labels.index(f"{prefix}-LOC"), labels.index(f"{prefix}-PER")]] = 9, 8 * (position > 0)
    text = "（甲乙丙"
    lexicons = LexiconSet([Lexicon.from_entries([Entry("甲乙丙", "LOC", "forbid")])])
    matches = lexicons.match(text, lambda start, end: (start, end))
    assert matches is not None
    soft = Crf(labels, *np.zeros((2, len(labels)), np.float32), np.zeros((len(labels), len(labels)), np.float32))
    window = ConstrainedWindow(text, (), matches, unwrap=False)
    [spans] = ConstrainedDecoder(soft, labels).decode(emissions, [4], [window])
    assert [(span.type, span.start, span.end) for span in repair_spans(text, spans)] == []


def test_the_scores_of_unknown_types_take_one_pass_over_the_window(
    recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[int] = []
    build = Lattice.__init__

    def counted(self: Lattice, *arguments: Any) -> None:
        rows.append(len(arguments[1]))
        build(self, *arguments)

    monkeypatch.setattr(Lattice, "__init__", counted)
    numbers = {}
    for times in (1, 20):
        rows.clear()
        found = recognized(recognizer, "开会，" * times, Entry("开会", "EVENT", "force"))
        assert found == [("EVENT", "开会", "lexicon")] * times
        numbers[times] = len(rows)
    assert numbers[20] == numbers[1]


@SOME
@given(texts=st.lists(texts, min_size=1, max_size=4), entries=entry_lists)
def test_decoding_only_what_changes_gives_the_same_as_decoding_everything(
    recognizer: Recognizer, texts: list[str], entries: list[Entry]
) -> None:
    lexicon = LexiconSet([Lexicon.from_entries(entries)])
    windows = [window for text in texts for window in recognizer.encode(text, lexicon).encoded]
    crf = EveryScore.from_file(embedded_model() / CRF_FILE, recognizer.manifest.labels)
    decoder = ConstrainedDecoder(crf, recognizer.manifest.labels)
    lazy = ConstrainedDecoder(
        Crf.from_file(embedded_model() / CRF_FILE, recognizer.manifest.labels), recognizer.manifest.labels
    )
    for batch in recognizer.run_engine(windows):
        own = [windows[index] for index in batch.windows]
        lengths = [len(window.first) for window in own]
        found = lazy.decode(batch.emissions, lengths, [constraints(window) for window in own])
        for row, window in enumerate(own):
            emissions, length = batch.emissions[row : row + 1, : lengths[row]], lengths[row]
            [expected] = decoder.decode(emissions, [length], [constraints(window)])
            assert [replace(span, score=0) for span in found[row]] == [replace(span, score=0) for span in expected]
            # The order of the additions depends on the number of rows.
            assert [span.score for span in found[row]] == pytest.approx([span.score for span in expected], abs=1e-9)


class EveryScore(Crf):
    """A CRF that computes the scores of each path as soon as it has the path."""

    def best_paths(self, emissions: Floats, lengths: Sequence[int], bias: Floats | None = None) -> list[BestPath]:
        paths = super().best_paths(emissions, lengths, bias)
        scored = super().scored(emissions, lengths, paths)
        return [BestPath(path.tags, spans) for path, spans in zip(paths, scored, strict=True)]

    def scored(self, emissions: Floats, lengths: Sequence[int], paths: Sequence[BestPath]) -> list[list[Span]]:
        return [path.spans for path in paths]


def constraints(window: EncodedWindow) -> ConstrainedWindow | None:
    if window.matches is None:
        return None
    return ConstrainedWindow(window.text, window.excluded, window.matches, unwrap=True)
