"""What can be done with a result without asking again: hide, sift, select, sort, filter, export, share."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.desk import Desk, answer

TEXT = "马云在杭州。马云与屠呦呦在北京，\n中国人工智能学会在杭州👩‍💻杭州。"


@pytest.fixture
def asked(desk: Desk) -> list[str]:
    asked = desk.stub()
    desk.write(TEXT).detect()
    return asked


def spans(desk: Desk) -> list[str]:
    return [span for *_, span in desk.marks()]


def test_the_legend_hides_types_without_asking(desk: Desk, asked: list[str]) -> None:
    desk.page.get_by_role("button", name="地点 LOC 4").click()
    assert spans(desk) == ["马云", "马云", "屠呦呦", "中国人工智能学会"]
    assert desk.count("LOC") == 4
    expect(desk.page.locator("#legend button[data-type=LOC]")).to_have_attribute("aria-pressed", "false")
    expect(desk.page.locator("[data-figure=total]")).to_have_text("4")
    assert "".join(desk.page.locator("#output .block").all_text_contents()) == TEXT
    desk.page.get_by_role("button", name="地点 LOC 4").click()
    assert len(desk.marks()) == 8
    assert len(asked) == 1


def test_the_threshold_sifts_without_asking(desk: Desk) -> None:
    scores = {"马云": 0.95, "杭州": 0.5}
    body = json.loads(answer("马云在杭州", [("PER", 0, 2), ("LOC", 3, 5)]))
    for entity in body["data"]:
        entity["score"] = scores[entity["span"]]
    desk.page.route("**/ner", lambda route: route.fulfill(content_type="application/json", body=json.dumps(body)))
    desk.write("马云在杭州").detect()
    assert spans(desk) == ["马云", "杭州"]
    desk.page.get_by_label("置信度下限").fill("60")
    expect(desk.page.locator("mark")).to_have_count(1)
    assert (desk.count("PER"), desk.count("LOC")) == (1, 0)
    expect(desk.page.locator("#threshold-kept")).to_have_text("显示 1 / 2")


def test_a_click_marks_all_of_the_name(desk: Desk, asked: list[str]) -> None:
    desk.page.locator("mark", has_text="杭州").first.click()
    expect(desk.page.locator("mark.is-twin")).to_have_text(["杭州", "杭州", "杭州"])
    desk.page.locator("mark", has_text="马云").first.click()
    expect(desk.page.locator("mark.is-twin")).to_have_text(["马云", "马云"])
    desk.page.locator("mark", has_text="马云").first.click()
    expect(desk.page.locator("mark.is-twin")).to_have_count(0)


def test_hovering_tells_type_score_offsets_and_times(desk: Desk, asked: list[str]) -> None:
    desk.page.locator("mark", has_text="屠呦呦").hover()
    card = desk.page.get_by_role("tooltip")
    for part in ("屠呦呦", "人物 PER", "90%", "9–12", "1 次"):
        expect(card).to_contain_text(part)
    desk.page.mouse.move(2, 2)
    expect(card).to_be_hidden()


def test_the_table_groups_sorts_filters_and_leads_there(desk: Desk, asked: list[str]) -> None:
    rows = desk.page.locator("#table-body tr")
    expect(rows).to_have_count(5)
    expect(rows.first).to_contain_text("杭州")
    expect(desk.page.locator("th[aria-sort=descending]")).to_have_text("次数")
    desk.page.get_by_role("button", name="位置").click()
    expect(rows.first).to_contain_text("马云")
    desk.page.get_by_role("button", name="位置").click()
    expect(rows.first).to_contain_text("中国人工智能学会")
    desk.page.get_by_label("筛选实体").fill("地点")
    expect(rows).to_have_count(2)
    desk.page.get_by_label("筛选实体").fill("")
    desk.page.get_by_role("switch", name="合并同名").uncheck()
    expect(rows).to_have_count(8)
    rows.filter(has_text="屠呦呦").get_by_role("button").click()
    assert desk.page.evaluate("document.activeElement.textContent") == "屠呦呦"
    expect(desk.page.locator("mark.is-twin")).to_have_text(["屠呦呦"])


def test_the_statistics_add_up(desk: Desk, asked: list[str]) -> None:
    figures = {name: desk.page.locator(f"[data-figure={name}]").inner_text() for name in ("total", "unique", "share")}
    covered = sum(end - start for _, start, end, _ in desk.marks())
    assert figures == {"total": "8", "unique": "5", "share": f"{covered / len(TEXT):.1%}"}
    expect(desk.page.locator("#bars li").first).to_contain_text("杭州")
    expect(desk.page.get_by_role("img", name="人物 3, 地点 4, 机构 1")).to_be_visible()


def test_lines_and_spaces_are_kept(desk: Desk) -> None:
    desk.stub()
    text = "  马云\n\n\n\t在  杭州\n"
    desk.write(text).detect()
    expect(desk.page.locator("#output")).to_have_css("white-space-collapse", "preserve")
    assert "".join(desk.page.locator("#output .block").all_text_contents()) == text


def saved(desk: Desk, format_: str) -> str:
    with desk.page.expect_download() as download:
        desk.page.locator(f"[data-save={format_}]").click()
    return Path(download.value.path()).read_text("utf-8")


def test_export_as_json(desk: Desk, asked: list[str]) -> None:
    exported = json.loads(saved(desk, "json"))
    assert exported["text"] == TEXT
    assert [
        (entity["type"], entity["start"], entity["end"], entity["span"]) for entity in exported["entities"]
    ] == desk.marks()
    assert all(TEXT[entity["start"] : entity["end"]] == entity["span"] for entity in exported["entities"])


def test_export_as_csv(desk: Desk, asked: list[str]) -> None:
    exported = saved(desk, "csv")
    assert exported.startswith("\ufeff")
    rows = list(csv.DictReader(exported.removeprefix("\ufeff").splitlines()))
    assert [(row["type"], int(row["start"]), int(row["end"]), row["span"]) for row in rows] == desk.marks()


def test_export_as_brat(desk: Desk) -> None:
    text = "马云到杭\n州"
    desk.stub(lambda _text: [("PER", 0, 2), ("LOC", 3, 6)])
    desk.write(text).detect()
    assert saved(desk, "brat") == "T1\tPER 0 2\t马云\nT2\tLOC 3 4;5 6\t杭 州\n"
    assert saved(desk, "text") == text


def test_export_as_conll(desk: Desk) -> None:
    desk.stub(lambda _text: [("PER", 0, 2), ("LOC", 3, 4), ("ORG", 6, 10)])
    desk.write("马云到京。\n北 京大").detect()
    assert saved(desk, "conll") == "马 B-PER\n云 E-PER\n到 O\n京 S-LOC\n。 O\n\n北 B-ORG\n京 I-ORG\n大 E-ORG\n"


def test_export_as_html_stands_alone(desk: Desk) -> None:
    desk.stub(lambda _text: [("PER", 0, 2), ("ORG", 3, 28)])
    text = "马云<script>alert(1)</script>"
    desk.write(text).detect()
    exported = saved(desk, "html")
    page = desk.page.context.new_page()
    page.set_content(exported)
    assert page.locator("main").inner_text() == text
    assert page.locator("mark").all_text_contents() == ["马云", text[3:28]]
    assert page.locator("script").count() == 0


def test_exports_count_in_the_file_the_text_came_from(desk: Desk) -> None:
    raw = "第一行\r\n马云\r\n在杭州"
    desk.stub()
    desk.drop("行.txt", raw.encode())
    desk.page.locator("#source").wait_for()
    desk.detect()
    exported = json.loads(saved(desk, "json"))
    assert exported["text"] == raw
    assert all(raw[entity["start"] : entity["end"]] == entity["span"] for entity in exported["entities"])
    assert [entity["span"] for entity in exported["entities"]] == ["马云", "杭州"]


def test_only_what_is_shown_is_exported(desk: Desk, asked: list[str]) -> None:
    desk.page.locator("#legend button[data-type=LOC]").click()
    assert {entity["type"] for entity in json.loads(saved(desk, "json"))["entities"]} == {"PER", "ORG"}


def test_a_link_carries_the_text_and_sends_nothing(desk: Desk, asked: list[str]) -> None:
    desk.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    desk.page.locator("[data-action=link]").click()
    expect(desk.page.locator("#export-hint")).to_have_text("已复制")
    link = desk.page.evaluate("navigator.clipboard.readText()")
    assert link == desk.page.url
    assert len(asked) == 1

    other = desk.page.context.new_page()
    paths: list[str] = []
    other.on("request", lambda request: paths.append(request.url))
    reader = Desk(other, desk.url)
    other.goto(link)
    expect(reader.notice("link")).to_be_visible()
    assert reader.text.input_value() == TEXT
    assert not any(url.endswith("/ner") or "#" in url for url in paths)
    reader.text.press("a")
    assert "#" not in other.url


def test_a_text_too_long_for_a_link(desk: Desk) -> None:
    desk.write("".join(chr(0x4E00 + number * 7 % 20000) for number in range(30_000)))
    desk.page.locator("[data-action=link]").click()
    expect(desk.page.locator("#export-hint")).to_have_text("文本太长，放不进链接")


def test_copy_as_curl_quotes_for_the_shell(desk: Desk) -> None:
    desk.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    text = "马云'在\"杭州$HOME`id`\\"
    desk.write(text)
    desk.page.locator("[data-action=curl]").click()
    expect(desk.page.locator("#export-hint")).to_have_text("已复制")
    command = desk.page.evaluate("navigator.clipboard.readText()")
    assert command.startswith("curl ")
    words = subprocess.run(["bash", "-c", "printf '%s\\0' " + command], capture_output=True, check=True, text=True)
    arguments = words.stdout.split("\0")
    assert desk.url + "/ner" in arguments
    assert json.loads(arguments[arguments.index("--data-binary") + 1]) == {"text": text}
