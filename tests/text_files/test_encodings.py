"""Names of encodings, and the suggestion for a file that is not UTF-8."""

from __future__ import annotations

import pytest

from ner_runtime.errors import InputError
from ner_runtime.text_files.encodings import checked_encoding, suggested_encoding

SIMPLIFIED = "昨天，张伟在北京大学参加了会议，李娜在上海的公司工作。\n"
TRADITIONAL = "昨天，張偉在臺北市參加了會議，林美玲在高雄的公司工作。\n"


@pytest.mark.parametrize(
    ("text", "encoding", "suggested"),
    [
        (SIMPLIFIED, "gbk", "gb18030"),
        (SIMPLIFIED, "gb18030", "gb18030"),
        (TRADITIONAL, "big5", "big5"),
        (SIMPLIFIED, "utf-16", "utf-16"),
        (SIMPLIFIED, "utf-16-le", "utf-16-le"),
        (SIMPLIFIED, "utf-16-be", "utf-16-be"),
        (SIMPLIFIED, "utf-32", "utf-32"),
    ],
)
def test_encodings_of_chinese_are_suggested(text: str, encoding: str, suggested: str) -> None:
    sample = text.encode(encoding)
    assert suggested_encoding(sample) == suggested
    assert suggested_encoding(sample[:31]) == suggested, "a sample may end within a character"


@pytest.mark.parametrize("sample", [b"", b"\xff\xfb\x90\x00" * 8, bytes(range(256)), "naïve café".encode("latin-1")])
def test_other_bytes_get_no_suggestion(sample: bytes) -> None:
    assert suggested_encoding(sample) is None


@pytest.mark.parametrize(
    ("name", "checked"), [("UTF8", "utf-8"), ("GBK", "gbk"), ("Big5", "big5"), ("utf-16", "utf-16")]
)
def test_names_are_those_of_python(name: str, checked: str) -> None:
    assert checked_encoding(name) == checked


@pytest.mark.parametrize("name", ["", "utf-9", "base64", "rot13", "a\0b"])
def test_unknown_encoding_is_named(name: str) -> None:
    with pytest.raises(InputError, match=r"unknown encoding .* for example utf-8, gb18030"):
        checked_encoding(name)
