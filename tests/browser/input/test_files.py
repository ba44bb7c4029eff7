"""Files in the encodings of Chinese texts, and files that are not texts."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable

import pytest
from playwright.sync_api import expect

from tests.support.web_page import WebPage

TEXT = "屠呦呦在北京的中国中医科学院工作。\n她与马云、杭州无关：𠮷野家👩‍💻。\n"
PLAIN = "屠呦呦在北京的中国中医科学院工作。\n她与马云、杭州无关。\n"
TRADITIONAL = "馬英九在臺北的總統府接見了來自國立臺灣大學的學生，他們說這是第一次。\n"
ENCODINGS = ["utf-8", "gb18030", "big5", "utf-16le", "utf-16be"]
BODY = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def loaded(ui: WebPage) -> str:
    ui.page.locator("#source").wait_for()
    return ui.text.input_value()


@pytest.mark.parametrize(
    ("content", "text", "encoding"),
    [
        (TEXT.encode(), TEXT, "utf-8"),
        (TEXT.encode("utf-8-sig"), TEXT, "utf-8"),
        (TEXT.encode("gb18030"), TEXT, "gb18030"),
        (PLAIN.encode("gbk"), PLAIN, "gb18030"),
        (TRADITIONAL.encode("big5"), TRADITIONAL, "big5"),
        (TEXT.encode("utf-16"), TEXT, "utf-16le"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), TEXT, "utf-16be"),
        (PLAIN.encode("utf-16-le"), PLAIN, "utf-16le"),
        (PLAIN.encode("utf-16-be"), PLAIN, "utf-16be"),
        (("plain ASCII, " * 20).encode("utf-16-le"), "plain ASCII, " * 20, "utf-16le"),
    ],
    ids=lambda value: value if value in ENCODINGS else "",
)
def test_the_encoding_is_detected(ui: WebPage, content: bytes, text: str, encoding: str) -> None:
    ui.drop("文.txt", content)
    assert loaded(ui) == text
    expect(ui.page.get_by_label("编码")).to_have_value(encoding)


def test_the_encoding_can_be_changed(ui: WebPage) -> None:
    ui.drop("文.txt", PLAIN.encode("gbk"))
    assert loaded(ui) == PLAIN
    ui.page.get_by_label("编码").select_option("big5")
    assert ui.text.input_value() != PLAIN
    ui.page.get_by_label("编码").select_option("gb18030")
    assert ui.text.input_value() == PLAIN
    # An edited text no longer belongs to the file.
    ui.text.press("a")
    expect(ui.page.locator("#source")).to_be_hidden()


def test_a_file_is_opened_with_the_button(ui: WebPage) -> None:
    ui.page.set_input_files("#file", {"name": "说明.md", "mimeType": "text/markdown", "buffer": TEXT.encode()})
    assert loaded(ui) == TEXT
    expect(ui.page.locator("#chars")).to_have_text(str(len(TEXT)))
    expect(ui.page.locator("#lines")).to_have_text("3")


def docx(paragraphs: Iterable[str], entry: str = "word/document.xml") -> bytes:
    runs = "".join(
        f"<w:p><w:r><w:t>{text[:3]}</w:t></w:r><w:r><w:t>{text[3:]}</w:t></w:r></w:p>" for text in paragraphs
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(entry, f'<w:document xmlns:w="{BODY}"><w:body>{runs}</w:body></w:document>')
    return packed.getvalue()


def test_a_word_document(ui: WebPage) -> None:
    ui.drop("报告.docx", docx(["马云在杭州工作", "", "屠呦呦在北京"]))
    assert loaded(ui) == "马云在杭州工作\n\n屠呦呦在北京"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("图.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40),
        ("坏.docx", b"PK\x03\x04broken"),
        ("空.docx", docx(["x"], entry="other.xml")),
        ("零.txt", bytes(5000)),
    ],
)
def test_a_file_that_is_not_a_text_is_refused(ui: WebPage, name: str, content: bytes) -> None:
    ui.write("原来的").drop(name, content)
    expect(ui.notice("unreadable")).to_contain_text(name)
    assert ui.text.input_value() == "原来的"


def test_a_file_over_the_limit(ui: WebPage) -> None:
    ui.page.evaluate(
        """() => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(17 * 1024 * 1024)], '大.txt'));
            const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
            document.body.dispatchEvent(new DragEvent('drop', options));
        }"""
    )
    expect(ui.notice("huge")).to_contain_text("大.txt")
