"""Files in the encodings that Chinese texts come in, and files that are no texts."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable

import pytest
from playwright.sync_api import expect

from tests.support.desk import Desk

TEXT = "屠呦呦在北京的中国中医科学院工作。\n她与马云、杭州无关：𠮷野家👩‍💻。\n"
PLAIN = "屠呦呦在北京的中国中医科学院工作。\n她与马云、杭州无关。\n"
TRADITIONAL = "馬英九在臺北的總統府接見了來自國立臺灣大學的學生，他們說這是第一次。\n"
ENCODINGS = ["utf-8", "gb18030", "big5", "utf-16le", "utf-16be"]
BODY = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def loaded(desk: Desk) -> str:
    desk.page.locator("#source").wait_for()
    return desk.text.input_value()


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
def test_the_encoding_is_found(desk: Desk, content: bytes, text: str, encoding: str) -> None:
    desk.drop("文.txt", content)
    assert loaded(desk) == text
    expect(desk.page.get_by_label("编码")).to_have_value(encoding)


def test_the_encoding_can_be_overruled(desk: Desk) -> None:
    desk.drop("文.txt", PLAIN.encode("gbk"))
    assert loaded(desk) == PLAIN
    desk.page.get_by_label("编码").select_option("big5")
    assert desk.text.input_value() != PLAIN
    desk.page.get_by_label("编码").select_option("gb18030")
    assert desk.text.input_value() == PLAIN
    # An edit makes it a text of its own: what is typed cannot be decoded anew.
    desk.text.press("a")
    expect(desk.page.locator("#source")).to_be_hidden()


def test_a_file_is_opened_with_the_button(desk: Desk) -> None:
    desk.page.set_input_files("#file", {"name": "说明.md", "mimeType": "text/markdown", "buffer": TEXT.encode()})
    assert loaded(desk) == TEXT
    expect(desk.page.locator("#chars")).to_have_text(str(len(TEXT)))
    expect(desk.page.locator("#lines")).to_have_text("3")


def docx(paragraphs: Iterable[str], entry: str = "word/document.xml") -> bytes:
    runs = "".join(
        f"<w:p><w:r><w:t>{text[:3]}</w:t></w:r><w:r><w:t>{text[3:]}</w:t></w:r></w:p>" for text in paragraphs
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(entry, f'<w:document xmlns:w="{BODY}"><w:body>{runs}</w:body></w:document>')
    return packed.getvalue()


def test_a_word_document(desk: Desk) -> None:
    desk.drop("报告.docx", docx(["马云在杭州工作", "", "屠呦呦在北京"]))
    assert loaded(desk) == "马云在杭州工作\n\n屠呦呦在北京"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("图.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40),
        ("坏.docx", b"PK\x03\x04broken"),
        ("空.docx", docx(["x"], entry="other.xml")),
        ("零.txt", bytes(5000)),
    ],
)
def test_what_is_no_text_is_refused(desk: Desk, name: str, content: bytes) -> None:
    desk.write("原来的").drop(name, content)
    expect(desk.notice("unreadable")).to_contain_text(name)
    assert desk.text.input_value() == "原来的"


def test_a_file_beyond_the_limit(desk: Desk) -> None:
    desk.page.evaluate(
        """() => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(17 * 1024 * 1024)], '大.txt'));
            const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
            document.body.dispatchEvent(new DragEvent('drop', options));
        }"""
    )
    expect(desk.notice("huge")).to_contain_text("大.txt")
