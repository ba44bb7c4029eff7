"""Check the name of a text encoding, and suggest an encoding for a file that is not UTF-8.

An encoding is suggested if the file begins with a byte order mark of UTF-16 or UTF-32, or if the bytes decode without
an error and mostly into common Chinese characters: those of the first level of GB 2312 or Big5.
"""

from __future__ import annotations

import codecs

from ner_runtime.errors import InputError

UTF8 = "utf-8"

_BOMS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_CANDIDATES = ("gb18030", "big5", "utf-16-le", "utf-16-be")
_MIN_COMMON = 0.7
# Lead bytes of punctuation and of characters of the first level.
_GB2312_LEADS = (range(0xA1, 0xA4), range(0xB0, 0xD8))
_BIG5_LEADS = (range(0xA1, 0xA4), range(0xA4, 0xC7))


def checked_encoding(name: str) -> str:
    """Return the name that Python uses for a text encoding.

    Raises:
        InputError: Python has no text encoding of that name.
    """
    try:
        "".encode(name)
        return codecs.lookup(name).name
    except (LookupError, UnicodeError, ValueError):
        raise InputError(f"unknown encoding {name!r}; for example utf-8, gb18030, big5 or utf-16") from None


def suggested_encoding(sample: bytes) -> str | None:
    """Return the most likely encoding of a sample of Chinese text; None if none fits."""
    for mark, name in _BOMS.items():
        if sample.startswith(mark):
            return name
    scores = {name: _common_share(sample, name) for name in _CANDIDATES}
    best = max(scores, key=scores.__getitem__)
    return best if scores[best] >= _MIN_COMMON else None


def _common_share(sample: bytes, encoding: str) -> float:
    """Return the share of common characters among the non-ASCII characters of the sample; 0 if it does not decode."""
    try:
        # The last character of a sample may be cut off.
        text = codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return 0.0
    # A NUL or a control character in the text means that the encoding is wrong.
    if any(char < "\t" for char in text):
        return 0.0
    characters = [char for char in text if char > "\x7f"]
    # One character is no evidence.
    return sum(map(_is_common, characters)) / len(characters) if len(characters) > 1 else 0.0


def _is_common(char: str) -> bool:
    return _has_lead(char, "gb2312", _GB2312_LEADS) or _has_lead(char, "big5", _BIG5_LEADS)


def _has_lead(char: str, encoding: str, leads: tuple[range, ...]) -> bool:
    try:
        lead = char.encode(encoding)[0]
    except UnicodeEncodeError:
        return False
    return any(lead in block for block in leads)
