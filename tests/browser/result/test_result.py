"""Work with a result without another request: hide, select, sort, filter, export, share."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.web_page import WebPage, response

TEXT = "马云在杭州。马云与屠呦呦在北京，\n中国人工智能学会在杭州👩‍💻杭州。"


@pytest.fixture
def asked(ui: WebPage) -> list[str]:
    asked = ui.stub()
    ui.write(TEXT).detect()
    return asked


def spans(ui: WebPage) -> list[str]:
    return [span for *_, span in ui.marks()]


def test_the_legend_hides_types_without_a_request(ui: WebPage, asked: list[str]) -> None:
    ui.page.get_by_role("button", name="地点 LOC 4").click()
    assert spans(ui) == ["马云", "马云", "屠呦呦", "中国人工智能学会"]
    assert ui.count("LOC") == 4
    expect(ui.page.locator("#legend button[data-type=LOC]")).to_have_attribute("aria-pressed", "false")
    expect(ui.page.locator("[data-figure=total]")).to_have_text("4")
    assert "".join(ui.page.locator("#output .block").all_text_contents()) == TEXT
    ui.page.get_by_role("button", name="地点 LOC 4").click()
    assert len(ui.marks()) == 8
    assert len(asked) == 1


def test_the_threshold_filters_without_a_request(ui: WebPage) -> None:
    scores = {"马云": 0.95, "杭州": 0.5}
    body = json.loads(response("马云在杭州", [("PER", 0, 2), ("LOC", 3, 5)]))
    for entity in body["data"]:
        entity["score"] = scores[entity["span"]]
    ui.page.route("**/ner", lambda route: route.fulfill(content_type="application/json", body=json.dumps(body)))
    ui.write("马云在杭州").detect()
    assert spans(ui) == ["马云", "杭州"]
    ui.page.get_by_label("置信度下限").fill("60")
    expect(ui.page.locator("mark")).to_have_count(1)
    assert (ui.count("PER"), ui.count("LOC")) == (1, 0)
    expect(ui.page.locator("#threshold-kept")).to_have_text("显示 1 / 2")


def test_a_click_selects_all_occurrences(ui: WebPage, asked: list[str]) -> None:
    ui.page.locator("mark", has_text="杭州").first.click()
    expect(ui.page.locator("mark.is-twin")).to_have_text(["杭州", "杭州", "杭州"])
    ui.page.locator("mark", has_text="马云").first.click()
    expect(ui.page.locator("mark.is-twin")).to_have_text(["马云", "马云"])
    ui.page.locator("mark", has_text="马云").first.click()
    expect(ui.page.locator("mark.is-twin")).to_have_count(0)


def test_hovering_shows_type_score_offsets_and_occurrences(ui: WebPage, asked: list[str]) -> None:
    ui.page.locator("mark", has_text="屠呦呦").hover()
    card = ui.page.get_by_role("tooltip")
    for part in ("屠呦呦", "人物 PER", "90%", "9–12", "1 次"):
        expect(card).to_contain_text(part)
    ui.page.mouse.move(2, 2)
    expect(card).to_be_hidden()


def test_the_table_groups_sorts_filters_and_jumps(ui: WebPage, asked: list[str]) -> None:
    rows = ui.page.locator("#table-body tr")
    expect(rows).to_have_count(5)
    expect(rows.first).to_contain_text("杭州")
    expect(ui.page.locator("th[aria-sort=descending]")).to_have_text("次数")
    ui.page.get_by_role("button", name="位置").click()
    expect(rows.first).to_contain_text("马云")
    ui.page.get_by_role("button", name="位置").click()
    expect(rows.first).to_contain_text("中国人工智能学会")
    ui.page.get_by_label("筛选实体").fill("地点")
    expect(rows).to_have_count(2)
    ui.page.get_by_label("筛选实体").fill("")
    ui.page.get_by_role("switch", name="合并同名").uncheck()
    expect(rows).to_have_count(8)
    rows.filter(has_text="屠呦呦").get_by_role("button").click()
    assert ui.page.evaluate("document.activeElement.textContent") == "屠呦呦"
    expect(ui.page.locator("mark.is-twin")).to_have_text(["屠呦呦"])


def test_the_statistics_add_up(ui: WebPage, asked: list[str]) -> None:
    figures = {name: ui.page.locator(f"[data-figure={name}]").inner_text() for name in ("total", "unique", "share")}
    covered = sum(end - start for _, start, end, _ in ui.marks())
    assert figures == {"total": "8", "unique": "5", "share": f"{covered / len(TEXT):.1%}"}
    expect(ui.page.locator("#bars li").first).to_contain_text("杭州")
    expect(ui.page.get_by_role("img", name="人物 3, 地点 4, 机构 1")).to_be_visible()


def test_lines_and_spaces_are_kept(ui: WebPage) -> None:
    ui.stub()
    text = "  马云\n\n\n\t在  杭州\n"
    ui.write(text).detect()
    expect(ui.page.locator("#output")).to_have_css("white-space-collapse", "preserve")
    assert "".join(ui.page.locator("#output .block").all_text_contents()) == text


def saved(ui: WebPage, format_: str) -> str:
    with ui.page.expect_download() as download:
        ui.page.locator(f"[data-save={format_}]").click()
    return Path(download.value.path()).read_text("utf-8")


def test_export_as_json(ui: WebPage, asked: list[str]) -> None:
    exported = json.loads(saved(ui, "json"))
    assert exported["text"] == TEXT
    assert [
        (entity["type"], entity["start"], entity["end"], entity["span"]) for entity in exported["entities"]
    ] == ui.marks()
    assert all(TEXT[entity["start"] : entity["end"]] == entity["span"] for entity in exported["entities"])


def test_export_as_csv(ui: WebPage, asked: list[str]) -> None:
    exported = saved(ui, "csv")
    assert exported.startswith("\ufeff")
    rows = list(csv.DictReader(exported.removeprefix("\ufeff").splitlines()))
    assert [(row["type"], int(row["start"]), int(row["end"]), row["span"]) for row in rows] == ui.marks()


def test_export_as_brat(ui: WebPage) -> None:
    text = "马云到杭\n州"
    ui.stub(lambda _text: [("PER", 0, 2), ("LOC", 3, 6)])
    ui.write(text).detect()
    assert saved(ui, "brat") == "T1\tPER 0 2\t马云\nT2\tLOC 3 4;5 6\t杭 州\n"
    assert saved(ui, "text") == text


def test_export_as_conll(ui: WebPage) -> None:
    ui.stub(lambda _text: [("PER", 0, 2), ("LOC", 3, 4), ("ORG", 6, 10)])
    ui.write("马云到京。\n北 京大").detect()
    assert saved(ui, "conll") == "马 B-PER\n云 E-PER\n到 O\n京 S-LOC\n。 O\n\n北 B-ORG\n京 I-ORG\n大 E-ORG\n"


def test_export_as_self_contained_html(ui: WebPage) -> None:
    ui.stub(lambda _text: [("PER", 0, 2), ("ORG", 3, 28)])
    text = "马云<script>alert(1)</script>"
    ui.write(text).detect()
    exported = saved(ui, "html")
    page = ui.page.context.new_page()
    page.set_content(exported)
    assert page.locator("main").inner_text() == text
    assert page.locator("mark").all_text_contents() == ["马云", text[3:28]]
    assert page.locator("script").count() == 0


def test_exports_use_the_offsets_of_the_file(ui: WebPage) -> None:
    raw = "第一行\r\n马云\r\n在杭州"
    ui.stub()
    ui.drop("行.txt", raw.encode())
    ui.page.locator("#source").wait_for()
    ui.detect()
    exported = json.loads(saved(ui, "json"))
    assert exported["text"] == raw
    assert all(raw[entity["start"] : entity["end"]] == entity["span"] for entity in exported["entities"])
    assert [entity["span"] for entity in exported["entities"]] == ["马云", "杭州"]


def test_only_visible_entities_are_exported(ui: WebPage, asked: list[str]) -> None:
    ui.page.locator("#legend button[data-type=LOC]").click()
    assert {entity["type"] for entity in json.loads(saved(ui, "json"))["entities"]} == {"PER", "ORG"}


def test_a_link_contains_the_text_and_sends_nothing(ui: WebPage, asked: list[str]) -> None:
    ui.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ui.page.locator("[data-action=link]").click()
    expect(ui.page.locator("#export-hint")).to_have_text("已复制")
    link = ui.page.evaluate("navigator.clipboard.readText()")
    assert link == ui.page.url
    assert len(asked) == 1

    other = ui.page.context.new_page()
    paths: list[str] = []
    other.on("request", lambda request: paths.append(request.url))
    reader = WebPage(other, ui.url)
    other.goto(link)
    expect(reader.notice("link")).to_be_visible()
    assert reader.text.input_value() == TEXT
    assert not any(url.endswith("/ner") or "#" in url for url in paths)
    reader.text.press("a")
    assert "#" not in other.url


def test_a_text_too_long_for_a_link(ui: WebPage) -> None:
    ui.write("".join(chr(0x4E00 + number * 7 % 20000) for number in range(30_000)))
    ui.page.locator("[data-action=link]").click()
    expect(ui.page.locator("#export-hint")).to_have_text("文本太长，放不进链接")


def test_copy_as_curl_quotes_for_the_shell(ui: WebPage) -> None:
    ui.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    text = "马云'在\"杭州$HOME`id`\\"
    ui.write(text)
    ui.page.locator("[data-action=curl]").click()
    expect(ui.page.locator("#export-hint")).to_have_text("已复制")
    command = ui.page.evaluate("navigator.clipboard.readText()")
    assert command.startswith("curl ")
    words = subprocess.run(["bash", "-c", "printf '%s\\0' " + command], capture_output=True, check=True, text=True)
    arguments = words.stdout.split("\0")
    assert ui.url + "/ner" in arguments
    assert json.loads(arguments[arguments.index("--data-binary") + 1]) == {"text": text}
