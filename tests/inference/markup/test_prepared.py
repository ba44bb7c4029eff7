"""Hiding markup from the model, with exact offsets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_runtime import Recognizer
from ner_runtime.inference.markup.prepared import prepare_text
from ner_runtime.inference.spans import Span
from ner_runtime.models.convert.sample import sample_sentences

PLAIN = "李娜在上海的华为技术有限公司工作。"
NAMES = [("PER", "李娜"), ("LOC", "上海"), ("ORG", "华为技术有限公司")]
SNIPPETS = [*"*_~`#<>&|[]()@/:.-\n \u3000，。", "**", "```", "李娜", "上海", "https://", "www.a.cn/", "<b>", "</td>"]
snippets = st.sampled_from([*SNIPPETS, "&lt;", "| --- |", "a@b.cn"])


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("**李娜**在*上海*", "李娜在上海"),
        ("***李娜***在__上海__的_华为_", "李娜在上海的华为"),
        ("**上海**市的**华为**公司，李**在*上海*\n**李娜**", "**上海**市的**华为**公司，李**在*上海*\n李娜"),
        ("**上海**市的**华为**公司", "上海市的华为公司"),
        ("~~李娜~~在`上海`", "李娜在上海"),
        ("# 李娜\n> ## 上海\n- 华为\n* [x] 华为", "李娜\n上海\n华为\n华为"),
        ("```python\n李娜\n```", "\n李娜\n"),
        ("| 姓名 | 城市 |\n| --- | :-: |\n|李娜|上海|", "姓名，城市\n\n李娜，上海"),
        ("姓名 | 城市\n--- | ---\n李娜 | 上海", "姓名，城市\n\n李娜，上海"),
        ('[李娜](https://a.cn/上海)在![上海](a.png "图")，[王伟][1]', "李娜在上海，王伟"),
        ("[![李娜](a.png)](https://a.cn)", "李娜"),
        ('<b>李娜</b>在<a href="https://上海.cn">上海</a>', "李娜在上海"),
        ("<p>李娜</p><p>上海</p>", "李娜，上海"),
        ("<script>北京</script>李娜<!-- 上海 --><style>p{}</style>", "李娜"),
        ("李娜&nbsp;在&lt;上海&gt;&#24352;&#x4F1F;", "李娜\u00a0在<上海>张伟"),
        ("见https://www.a.cn/wiki/上海?q=李娜#北京，李娜", "见，李娜"),
        ("官网www.a.cn的李娜，信箱li.na@上海.com或<li@a.cn>。", "官网，的李娜，信箱，或。"),
        ("官网https://www.a.cn在上海（https://b.cn/c）", "官网，在上海（，）"),
    ],
)
def test_markup_is_removed_or_replaced(text: str, prepared: str) -> None:
    assert prepare_text(text).text == prepared


@pytest.mark.parametrize(
    "text",
    [
        *(
            "3*4*5=60元",
            "张**和李**在北京",
            "a<b，c>d",
            "snake_case_name",
            "138****1234",
            "[张伟](记者)报道",
            "#上海# @李娜",
        ),
        *("AT&T公司", "E*TRADE", "C#程序员", "5~10元", "2020-01-01", "-5度", "A & B", "他说：“好。”", "[1] 李娜"),
    ],
)
def test_other_text_is_unchanged(text: str) -> None:
    prepared = prepare_text(text)
    assert (prepared.text, prepared.origin) == (text, None)


def test_sentences_without_markup_are_unchanged() -> None:
    for text in sample_sentences():
        assert "://" in text or "@" in text or prepare_text(text).text == text


@given(st.lists(snippets, max_size=40).map("".join))
def test_every_character_keeps_its_original_position(text: str) -> None:
    prepared = prepare_text(text)
    if prepared.origin is None:
        assert prepared.text == text
        return
    assert len(prepared.origin) == len(prepared.text)
    end = 0
    for character, (start, stop) in zip(prepared.text, prepared.origin, strict=True):
        assert end <= start < stop <= len(text)
        assert stop - start > 1 or text[start] == character or character == "，"
        end = stop
    for index in range(len(prepared.text)):
        span = prepared.to_original(Span("PER", index, index + 1))
        assert (span.start, span.end) == prepared.origin[index]


HOSTILE = ["*", "_", "`", "[", "<", "<a ", "<!--", "<script>", "&", "|", "> ", "```\n", "[a](", "a@", "www.", "*a "]


@pytest.mark.parametrize("opening", HOSTILE)
def test_long_hostile_text_is_prepared(opening: str) -> None:
    # A pattern that backtracks over the whole text would not finish.
    text = opening * (100_000 // len(opening))
    assert len(prepare_text(text).text) <= len(text)


@pytest.mark.parametrize(
    ("before", "repeated", "after"),
    [
        ("http://a", ".", "b"),
        ("http://a", ")", ""),
        ("http://a(", "),", ""),
        ("|a", " ", "b|"),
        ("~", "~", "`"),
        ("", "|-\n", ""),
    ],
)
def test_long_hostile_run_is_prepared(before: str, repeated: str, after: str) -> None:
    # Quadratic time would be a quarter of an hour for each of these texts.
    text = before + repeated * (300_000 // len(repeated)) + after
    assert len(prepare_text(text).text) <= len(text)


def test_the_end_of_an_address() -> None:
    for text in ("见http://a.cn/(b)，", "见http://a.cn/b)，", "（见http://a.cn/b.），", "见http://a.cn/b).)!，"):
        shown = prepare_text(text).text
        assert "a.cn" not in shown
        assert shown.count(")") == text.count(")") - text.count("("), text


@pytest.mark.parametrize(
    "wrap",
    [
        *("**{}**", "*{}*", "`{}`", "__{}__", "~~{}~~", "***{}***", "<b>{}</b>", '<span class="x">{}</span>'),
        *("[{}](https://example.com/)", "[{}](<https://example.com/北京>)", "<em>{}</em>", "<a href='#'>{}</a>"),
    ],
)
def test_entities_are_the_same_as_in_plain_text(recognizer: Recognizer, wrap: str) -> None:
    text = PLAIN
    for _, name in NAMES:
        text = text.replace(name, wrap.format(name))
    [plain], [marked] = recognizer.recognize([PLAIN]), recognizer.recognize([text])
    assert [(entity.type, entity.span, entity.score) for entity in marked] == [
        (entity.type, entity.span, entity.score) for entity in plain
    ]
    assert [(entity.type, entity.span) for entity in marked] == NAMES
    assert all(text[entity.start : entity.end] == entity.span for entity in marked)


def test_addresses_hold_no_entities(recognizer: Recognizer) -> None:
    for text in (
        "请访问https://www.beijing.gov.cn/上海/李娜.html查看。",
        "https://zh.wikipedia.org/wiki/马云",
        "邮箱zhangwei@huawei.com",
        "http://example.com/?name=李娜&city=上海",
    ):
        assert recognizer.recognize([text], recognizer.types) == [[]], text


def test_entities_do_not_contain_markup(recognizer: Recognizer) -> None:
    for text in (
        "**李娜在上海",
        "李娜**在**上海**的华为",
        "|李娜|上海|",
        "#李娜#",
        "@张伟 @李娜",
        "<李娜>",
        "李娜`上海",
    ):
        for entity in recognizer.recognize([text], recognizer.types)[0]:
            assert not set("*`|#@<>") & set(entity.span), (text, entity.span)


def test_html_entities_inside_a_name(recognizer: Recognizer) -> None:
    [[entity, *_]] = recognizer.recognize(["&#24352;&#20255;在北京。"])
    assert (entity.type, entity.span, entity.start) == ("PER", "&#24352;&#20255;", 0)


@pytest.mark.parametrize("text", ["在浙江省**市**区**路被抓获。", "大渡口区**村**社新修公路旁"])
def test_asterisks_that_hide_parts_of_names_are_text(text: str) -> None:
    prepared = prepare_text(text)
    assert prepared.text == text
    assert not prepared.excluded
