"""Marks match the offsets of entities after emoji, joiners, rare characters, CRLF and combining marks."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from tests.support.web_page import Found, WebPage

PIECES = [
    "马云",
    "在",
    "杭州",
    "，",
    "。\n",
    "\r\n",
    "\n\n",
    " ",
    "\t",
    "𠮷野家",
    "𡈽",
    "👩‍💻",
    "👨‍👩‍👧‍👦",
    "🇨🇳",
    "❤️",
    "👍🏽",
    "e\u0301",
    "n\u0303",
    "が",
    "か\u3099",
    "Ａ",
    "\u200b",
    "\u202e",
    "葛\U000e0100",
    "<b>",
    "&amp;",
    "\U0010ffff",
]


def generated(seed: int) -> tuple[str, list[Found]]:
    """A text as a textarea returns it, and random entities of the default types."""
    chance = random.Random(seed)
    text = "".join(chance.choice(PIECES) for _ in range(chance.randint(3, 60))).replace("\r\n", "\n") + "终"
    found: list[Found] = []
    at = 0
    while at < len(text):
        start = at + chance.randint(0, 4)
        end = start + chance.randint(1, 5)
        # Offsets may split joined emoji; the page follows the offsets.
        if end <= len(text):
            found.append((chance.choice(["PER", "LOC", "ORG"]), start, end))
        at = end
    return text, found


def joined(seeds: Sequence[int]) -> tuple[str, list[Found]]:
    """Generated texts in one text, with their entities."""
    text, found = "", list[Found]()
    for seed in seeds:
        part, entities = generated(seed)
        found += [(type_, len(text) + start, len(text) + end) for type_, start, end in entities]
        text += part
    return text, found


def test_marks_match_the_entities_of_200_generated_texts(ui: WebPage) -> None:
    wanted: list[Found] = []
    ui.stub(lambda _text: wanted)
    # Most texts are joined by five, because each round trip to the browser takes a tenth of a second.
    for seed in (*range(20), *range(20, 200, 5)):
        text, wanted = generated(seed) if seed < 20 else joined(range(seed, seed + 5))
        drawn = ui.read(text)
        assert drawn.text == text
        assert drawn.marks == [(type_, start, end, text[start:end]) for type_, start, end in wanted], seed
        assert drawn.shown == text


def test_the_service_and_the_page_count_alike(ui: WebPage) -> None:
    for seed in range(5):
        text, _ = generated(1000 + seed)
        text += "阿里巴巴集团创始人马云在杭州出席了技术峰会。"
        ui.write(text).detect()
        assert all(text[start:end] == span for _, start, end, span in ui.marks())


@pytest.mark.parametrize("newline", ["\r\n", "\n", "\r"])
def test_file_offsets_count_the_files_line_breaks(ui: WebPage, newline: str) -> None:
    raw = newline.join(["第一行👩‍💻", "", "马云在杭州", "𠮷北京", "马云"])
    ui.stub()
    ui.drop("行.txt", raw.encode())
    ui.until("document.querySelector('textarea').value !== ''")
    ui.detect()
    text = ui.text.input_value()
    assert text == raw.replace("\r\n", "\n").replace("\r", "\n")
    marks = ui.marks()
    assert [span for *_, span in marks] == ["马云", "杭州", "北京", "马云"]
    assert all(text[start:end] == span for _, start, end, span in marks)
    if newline == "\r\n":
        in_file = ui.page.evaluate(
            "[...document.querySelectorAll('mark')].map((mark) =>"
            " [Number(mark.dataset.fileStart), Number(mark.dataset.fileEnd), mark.textContent])"
        )
        assert all(raw[start:end] == span for start, end, span in in_file)


def test_an_entity_across_the_edge_of_a_block(ui: WebPage) -> None:
    text = "字" * 1198 + "马云杭州" + "字" * 3000
    ui.stub(lambda _text: [("PER", start, start + 4) for start in range(1190, 1210, 5)])
    ui.write(text).detect()
    assert [(start, span) for _, start, _, span in ui.marks()] == [
        (start, text[start : start + 4]) for start in range(1190, 1210, 5)
    ]
    assert "".join(ui.page.locator("#output .block").all_text_contents()) == text


def test_offsets_continue_from_part_to_part(ui: WebPage) -> None:
    text = "".join(f"第{number}段👩‍💻：马云到了𠮷杭州。\n" for number in range(1500))
    asked = ui.stub()
    ui.write(text).detect()
    assert len(asked) > 3
    assert sorted(asked, key=text.index)[0] == text[: len(min(asked, key=text.index))]
    assert sum(map(len, asked)) == len(text)
    marks = ui.marks()
    assert len(marks) == 3000
    assert all(text[start:end] == span for _, start, end, span in marks)


def test_overlapping_entities_are_drawn_once(ui: WebPage) -> None:
    ui.stub(lambda _text: [("ORG", 0, 4), ("LOC", 0, 2), ("PER", 3, 5), ("PER", 5, 5), ("LOC", 6, 99)])
    ui.write("北京大学的马云").detect()
    assert ui.marks() == [("ORG", 0, 4, "北京大学"), ("LOC", 6, 7, "云")]
