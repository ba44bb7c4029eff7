"""Exports say what they leave out, and every format holds for line breaks, long texts and long words."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Download, Route, expect

from tests.support.web_page import Found, WebPage, response

LONG = "".join(f"第{number}段：马云到了杭州，然后去北京。\n" for number in range(1000))
TYPES = ["PER", "LOC", "ORG", "TIME"]


def saved(ui: WebPage, format_: str) -> Download:
    with ui.page.expect_download() as download:
        ui.page.locator(f"[data-save={format_}]").click()
    return download.value


def content(download: Download) -> str:
    return Path(download.path()).read_text()


def test_a_json_export_names_its_origin(ui: WebPage) -> None:
    ui.stub()
    ui.write("马云在杭州").detect()
    ui.page.get_by_label("置信度下限").fill("30")
    ui.settle()
    exported = json.loads(content(saved(ui, "json")))
    assert exported["complete"] is True
    assert (exported["model"], exported["version"]) == ("stub", "1")
    assert exported["threshold"] == 0.3
    assert set(exported["types"]) >= {"PER", "LOC", "ORG"}
    assert exported["excluded_types"] == []
    expect(ui.page.locator("#export-note")).to_have_text("不包含置信度低于 30% 的实体。")


@pytest.mark.parametrize("cause", ["cancelled", "failed"])
def test_an_incomplete_export_says_so(ui: WebPage, cause: str) -> None:
    received: list[Route] = []

    def first_only(route: Route) -> None:
        received.append(route)
        if len(received) == 1:
            text = json.loads(route.request.post_data_buffer or b"{}")["text"]
            route.fulfill(content_type="application/json", body=response(text, [("PER", 4, 6)]))
        elif cause == "failed":
            route.fulfill(status=500, content_type="application/json", body="{}")

    ui.page.route("**/ner", first_only)
    ui.write(LONG).button.click()
    ui.page.locator("mark").first.wait_for()
    if cause == "cancelled":
        ui.page.keyboard.press("Escape")
    ui.settle()
    expect(ui.page.locator("#export-note")).to_contain_text("结果不完整")
    download = saved(ui, "json")
    assert download.suggested_filename == "raner.partial.json"
    exported = json.loads(content(download))
    assert exported["complete"] is False
    [*_, (_, end)] = exported["missing"]
    assert end == len(LONG)
    assert saved(ui, "csv").suggested_filename == "raner.partial.csv"
    assert "结果不完整" in content(saved(ui, "html"))


def test_types_that_are_off_are_explained(ui: WebPage) -> None:
    def model(route: Route) -> None:
        described = route.fetch().json()
        route.fulfill(json=described | {"types": TYPES, "default_types": TYPES[:3]})

    found: list[Found] = [("TIME", 0, 2), ("PER", 2, 4), ("LOC", 5, 7)]
    ui.page.route("**/model", model)
    ui.stub(lambda _text: found)
    ui.open()
    ui.write("昨天马云在杭州").detect()
    expect(ui.page.locator("#status")).to_have_text("找到 2 个实体")
    expect(ui.page.locator("#legend-note")).to_contain_text("另有 1 个实体的类型未显示（时间）")
    expect(ui.page.locator("#legend button[data-type=TIME]")).to_contain_text("未显示")
    expect(ui.page.locator("#export-note")).to_have_text("不包含未显示的类型：时间。")
    assert json.loads(content(saved(ui, "json")))["excluded_types"] == ["TIME"]
    ui.page.locator("#legend button[data-type=TIME]").click()
    expect(ui.page.locator("#legend-note")).to_be_empty()
    expect(ui.page.locator("#export-note")).to_be_hidden()
    ui.page.locator("#legend button[data-type=PER]").click()
    expect(ui.page.locator("#export-note")).to_have_text("不包含未显示的类型：人物。")


def test_an_export_of_a_changed_text_says_so(ui: WebPage) -> None:
    ui.stub()
    ui.write("马云在杭州").detect()
    ui.text.press("a")
    expect(ui.page.locator("#export-note")).to_have_text("导出的是改动前的文本及其结果。")


def test_conll_does_not_break_inside_an_entity(ui: WebPage) -> None:
    ui.stub(lambda _text: [("PER", 0, 3), ("ORG", 5, 9)])
    ui.write("马\n云。\n中国！银\n行").detect()
    lines = "马 B-PER\n云 E-PER\n。 O\n\n中 B-ORG\n国 I-ORG\n！ I-ORG\n银 E-ORG\n\n行 O\n"
    assert content(saved(ui, "conll")) == lines


def test_curl_takes_a_long_text(ui: WebPage, tmp_path: Path) -> None:
    ui.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    text = "马云'在\"杭州$HOME`id`\\\n" * 20_000
    ui.write(text)
    ui.page.locator("[data-action=curl]").click()
    expect(ui.page.locator("#export-hint")).to_have_text("已复制")
    command = ui.page.evaluate("navigator.clipboard.readText()")
    assert "--data-binary @- <<" in command
    curl = tmp_path / "curl"
    curl.write_text('#!/bin/sh\nprintf "%s " "$@" >&2\ncat\n')
    curl.chmod(0o755)
    script = tmp_path / "command.sh"
    script.write_text(command)
    run = subprocess.run(
        ["bash", script], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, check=True, text=True
    )
    assert json.loads(run.stdout) == {"text": text}
    assert ui.url + "/ner" in run.stderr


def test_curl_is_accepted_by_the_service(ui: WebPage, tmp_path: Path) -> None:
    ui.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ui.write("马云在杭州。" * 6000)
    ui.page.locator("[data-action=curl]").click()
    expect(ui.page.locator("#export-hint")).to_have_text("已复制")
    script = tmp_path / "command.sh"
    script.write_text(ui.page.evaluate("navigator.clipboard.readText()"))
    run = subprocess.run(["bash", script], capture_output=True, check=True, text=True)
    assert json.loads(run.stdout)["success"] is True


def test_long_words_fit_the_html_export(ui: WebPage) -> None:
    text = "https://example/" + "long-word" * 60
    ui.stub(lambda text: [("ORG", 0, len(text))])
    ui.write(text).detect()
    page = ui.page.context.new_page()
    page.set_viewport_size({"width": 400, "height": 600})
    page.set_content(content(saved(ui, "html")))
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_filter_without_matches_says_so(ui: WebPage) -> None:
    ui.stub()
    empty = ui.page.locator("#table-empty")
    expect(empty).to_have_text("暂无实体")
    ui.write("马云在杭州").detect()
    ui.page.locator("#filter").fill("没有的")
    expect(empty).to_have_text("没有符合筛选条件的实体")
    ui.page.locator("#filter").fill("")
    ui.page.locator("#legend button[data-type=PER]").click()
    ui.page.locator("#legend button[data-type=LOC]").click()
    expect(empty).to_have_text("所有实体都被类型或置信度过滤掉了")
    expect(ui.page.locator("#bars-empty")).to_have_text("所有实体都被类型或置信度过滤掉了")


def test_the_key_dialog_says_whether_a_key_is_required(ui: WebPage) -> None:
    dialog = ui.page.get_by_role("dialog")
    ui.page.locator("#key-open").click()
    expect(dialog).to_contain_text("此服务目前不需要密钥")
    ui.page.keyboard.press("Escape")
    ui.refuse(401, "unauthorized")
    ui.write("马云").button.click()
    expect(dialog).to_contain_text("此服务需要访问密钥")


def test_times_of_parallel_requests_do_not_exceed_the_round_trip(ui: WebPage) -> None:
    def slow(route: Route) -> None:
        text = json.loads(route.request.post_data_buffer or b"{}")["text"]
        body = json.loads(response(text, []))
        body["meta"]["timings_ms"] = {"total": 40.0, "queue": 10.0, "inference": 30.0}
        route.fulfill(json=body)

    ui.page.route("**/ner", slow)
    ui.write(LONG).detect()
    assert ui.page.locator("[data-call=total]").inner_text() == "40 ms"
    assert ui.page.locator("[data-call=inference]").inner_text() == "30 ms"
    expect(ui.page.locator("#call-mean")).to_contain_text("次请求的平均值")


def test_of_several_files_the_first_is_opened_and_the_others_named(ui: WebPage) -> None:
    ui.page.evaluate(
        """() => {
            const transfer = new DataTransfer();
            for (const name of ['一.txt', '二.txt', '三.txt']) transfer.items.add(new File([`${name}的内容`], name));
            const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
            document.body.dispatchEvent(new DragEvent('drop', options));
        }"""
    )
    expect(ui.text).to_have_value("一.txt的内容")
    expect(ui.notice("several")).to_contain_text("未打开 二.txt、三.txt")


@pytest.mark.parametrize("start", ["%PDF-1.7\n1 0 obj", "{\\rtf1\\ansi", "%!PS-Adobe-3.0"])
def test_documents_that_look_like_text_are_refused(ui: WebPage, start: str) -> None:
    ui.drop("报告.txt", f"{start} plain ASCII that would decode\n".encode())
    expect(ui.notice("unreadable")).to_contain_text("报告.txt")
    assert ui.text.input_value() == ""
