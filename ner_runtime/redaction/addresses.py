"""Find e-mail addresses, URLs and IP addresses in a folded text; see `patterns.py`.

Internationalized addresses (RFC 6531, RFC 5890) are found too. In Chinese text, no space separates an address from the
words around it. A domain therefore ends after a top-level domain: one in ASCII letters, one of those in Chinese
characters, or one in another alphabet. A local part in Chinese characters begins after a punctuation mark or a space.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv6Address

Span = tuple[int, int]

_CHINESE = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# The Chinese entries of https://data.iana.org/TLD/tlds-alpha-by-domain.txt, version 2026100300
_CHINESE_TOP_LEVEL = (
    "世界 中信 中国 中國 中文网 亚马逊 企业 佛山 信息 健康 八卦 公司 公益 台湾 台灣 商城 商店 "
    "商标 嘉里 嘉里大酒店 在线 大拿 天主教 娱乐 家電 广东 微博 慈善 我爱你 手机 招聘 政务 政府 "
    "新加坡 新闻 时尚 書籍 机构 淡马锡 游戏 澳門 点看 移动 组织机构 网址 网店 网站 网络 联通 "
    "谷歌 购物 通販 集团 電訊盈科 飞利浦 食品 餐厅 香格里拉 香港"
)
_CHINESE_TOP_LEVELS = "|".join(sorted(_CHINESE_TOP_LEVEL.split(), key=len, reverse=True))
_TOP_LEVEL = (
    r"(?:(?:xn--[a-z0-9-]{1,59}|[a-z]{2,63})(?![a-z0-9-])"
    rf"|(?:{_CHINESE_TOP_LEVELS})"
    rf"|[^\W\d_a-z{_CHINESE}]{{2,63}}(?![^\W{_CHINESE}]))"
)
_DOMAIN = rf"(?:[^\W_](?:[\w-]{{0,62}})\.){{1,10}}{_TOP_LEVEL}"

_LOCAL = re.compile(r"[\w.%+-]")
_LOCAL_WITHOUT_CHINESE = re.compile(rf"[^\W{_CHINESE}]|[.%+-]")
_AFTER_AT = re.compile(f"@{_DOMAIN}", re.IGNORECASE)
_URL = re.compile(
    rf"(?<![a-z0-9])(?:(?:https?|ftp)://|www\.)(?:{_DOMAIN}|[a-z0-9\[])[a-z0-9_.~:/?#\[\]@!$&'()*+,;=%-]*",
    re.IGNORECASE,
)
_AFTER_URL = ".,;:!?'()[]"
_DIGITS = "0123456789"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_IPV4 = re.compile(rf"(?<![0-9.]){_OCTET}(?:\.{_OCTET}){{3}}(?!\.?[0-9])")
_IPV6_CHARACTERS = re.compile(r"[0-9a-f:.]{3,}", re.IGNORECASE)
_MAX_IPV6 = 45


def email_addresses(text: str) -> Iterator[Span]:
    """Yield where the e-mail addresses are."""
    done = 0
    for match in _AFTER_AT.finditer(text):
        at = match.start()
        # Chinese words directly before an address in another script do not belong to it.
        local = _LOCAL if _is_chinese(text[at - 1 : at]) else _LOCAL_WITHOUT_CHINESE
        start = at
        while start > done and local.match(text[start - 1]):
            start -= 1
        if start < at:
            yield start, match.end()
            done = match.end()


def urls(text: str) -> Iterator[Span]:
    """Yield where the URLs are, without punctuation marks at the end."""
    for match in _URL.finditer(text):
        yield match.start(), match.start() + len(match[0].rstrip(_AFTER_URL))


def ipv4_addresses(text: str) -> Iterator[Span]:
    """Yield the start and end of each IPv4 address."""
    return (match.span() for match in _IPV4.finditer(text))


def ipv6_addresses(text: str) -> Iterator[Span]:
    """Yield the start and end of each IPv6 address, without its zone."""
    for match in _IPV6_CHARACTERS.finditer(text):
        found = match[0].rstrip(".")
        if found.endswith(":") and not found.endswith("::"):
            found = found[:-1]
        start, end = match.start(), match.start() + len(found)
        if found.startswith(":") and (not found.startswith("::") or found.startswith(":::")):
            # The colon of a label, such as `IP: `.
            start, found = start + 1, found[1:]
        elif start and _is_word(text[start - 1]):
            continue
        if not _is_word(text[end : end + 1]) and _is_ipv6(found):
            yield start, end


def _is_ipv6(found: str) -> bool:
    # Without a digit it is rather code, such as `a::b`.
    if len(found) > _MAX_IPV6 or found.count(":") < 2 or not any(char in _DIGITS for char in found):
        return False
    try:
        IPv6Address(found)
    except AddressValueError:
        return False
    return True


def _is_word(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char == "_")


def _is_chinese(char: str) -> bool:
    return _LOCAL.match(char) is not None and _LOCAL_WITHOUT_CHINESE.match(char) is None
