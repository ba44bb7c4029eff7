"""Addresses on the internet: what is found, and what is not."""

from __future__ import annotations

import pytest

from ner_runtime.redaction.patterns import PatternName, find_patterns


def found(text: str, name: PatternName) -> list[str]:
    return [text[match.start : match.end] for match in find_patterns(text, [name])]


LONG = "a.very+long%local-part_" * 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("写信给zhang.san+x@mail.example.com。", ["zhang.san+x@mail.example.com"]),
        ("ｚｓ＠ｅｘａｍｐｌｅ．ｃｏｍ", ["ｚｓ＠ｅｘａｍｐｌｅ．ｃｏｍ"]),
        (f"{LONG}@example.com", [f"{LONG}@example.com"]),
        ("邮箱：张三@例子.中国。", ["张三@例子.中国"]),
        ("邮箱：zhang3@例子.中国请回复", ["zhang3@例子.中国"]),
        ("张三@example.com、李四@例子.公司", ["张三@example.com", "李四@例子.公司"]),
        ("写信给müller@exämple.de", ["müller@exämple.de"]),
        ("почта: иван@пример.рф。", ["иван@пример.рф"]),
        ("a@xn--fsqu00a.xn--fiqs8s", ["a@xn--fsqu00a.xn--fiqs8s"]),
        ("a@b.cn,c@d.cn", ["a@b.cn", "c@d.cn"]),
        ("a@example.com.见附件", ["a@example.com"]),
        # Nothing shows where the local part begins.
        ("请联系张三@例子.中国", ["请联系张三@例子.中国"]),
        ("写信给张三1@例子.中国", ["1@例子.中国"]),
        ("@用户，a@b，@example.com，张三@李四.的", []),
    ],
)
def test_email(text: str, expected: list[str]) -> None:
    assert found(text, "EMAIL") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("见https://example.com/a?b=c#d。", ["https://example.com/a?b=c#d"]),
        ("(www.example.com/路径)，HTTP://A.B/", ["www.example.com/", "HTTP://A.B/"]),
        ("访问http://例子.中国/a和www.例子.公司了解", ["http://例子.中国/a", "www.例子.公司"]),
        ("http://localhost:8080/a，http://a.com.1/x", ["http://localhost:8080/a", "http://a.com.1/x"]),
        ("http://[2001:db8::1]/a", ["http://[2001:db8::1]/a"]),
        ("https:// 和 example", []),
    ],
)
def test_url(text: str, expected: list[str]) -> None:
    assert found(text, "URL") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("主机192.168.1.255:8080", ["192.168.1.255"]),
        ("256.1.1.1和1.2.3.4.5", []),
    ],
)
def test_ipv4(text: str, expected: list[str]) -> None:
    assert found(text, "IPV4") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("地址：2001:db8::1，网关fe80::1%eth0。", ["2001:db8::1", "fe80::1"]),
        ("IP:2001:0DB8:0:0:0:0:0:1.", ["2001:0DB8:0:0:0:0:0:1"]),
        ("[2001:db8::1]:443 ::1 2001:db8::/32", ["2001:db8::1", "::1", "2001:db8::"]),
        ("::ffff:192.0.2.1和2001:db8::2:", ["::ffff:192.0.2.1", "2001:db8::2"]),
        ("12:30:45，00:1a:2b:3c:4d:5e，std::abc1，a::b，::，1:2:3:4:5:6:7:8:9，2001:db8::1g", []),
    ],
)
def test_ipv6(text: str, expected: list[str]) -> None:
    assert found(text, "IPV6") == expected
