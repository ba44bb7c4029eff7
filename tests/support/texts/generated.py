"""Generate random texts in many scripts, including those that break tokenizers. Deterministic.

No text contains a literal `[SEP]`, which ModelScope treats as a control token: see test_beyond.py.
"""

from __future__ import annotations

import sys
import unicodedata
from random import Random

from ner_runtime.inference.tokenizers.base import Tokenizer
from ner_runtime.models.convert.sample import sample_sentences

MAX_PIECES = 510
"""The limit of ModelScope, without [CLS] and [SEP]."""

_SURROGATES = range(0xD800, 0xE000)
_EVERYTHING = [chr(code) for code in range(sys.maxunicode + 1) if code not in _SURROGATES]
_SPACES = [c for c in _EVERYTHING if c.isspace() or unicodedata.category(c) in ("Zs", "Zl", "Zp")]
_CONTROLS = [c for c in _EVERYTHING if unicodedata.category(c) == "Cc"]
_INVISIBLE = [
    *"\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\ufeff\ufe0e\ufe0f\u00ad\u061c\u180e\ufffd\ufffc\uffff\ue000"
]


def _range(*bounds: tuple[int, int]) -> list[str]:
    return [chr(code) for first, last in bounds for code in range(first, last + 1)]


def _range_lists(*bounds: tuple[int, int]) -> list[list[str]]:
    """One alphabet for each range."""
    return [_range(bound) for bound in bounds]


_ALPHABETS: list[list[str]] = [
    _range((0x4E00, 0x9FFF)),
    _range((0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x30000, 0x3134A), (0xF900, 0xFAFF), (0x2E80, 0x2FD5)),
    [*"0123456789.,%-/:年月日"],
    [*"abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ'-@._"],
    _range((0xFF01, 0xFFEF)),
    [*"😀👍🏽❤️♀️☎️⃣", "👨‍👩‍👧‍👦", "🇨🇳", "🏴‍☠️", "👍🏿", "1️⃣", "🤷🏽‍♂️"],
    [*"éèêëÉàâçñüöäßøåæœÿžščřĐıİŁ", "e\u0301", "a\u0308\u0323", "\u0301", "Zürich", "Đà Nẵng"],
    _range((0xAC00, 0xD7A3), (0x1100, 0x11FF), (0x3131, 0x318E)),
    _SPACES,
    _CONTROLS,
    _INVISIBLE,
    _range((0x3040, 0x30FF), (0x0621, 0x064A), (0x0E01, 0x0E3A), (0x0905, 0x0939), (0x0400, 0x04FF), (0x0370, 0x03FF)),
    [*"，。！？；：“”‘’《》（）【】、…—·～￥＄°℃①②Ⅲ㎏½™©"],
    ["[CLS]", "[UNK]", "[PAD]", "[MASK]", "##中", "##a", "[unused1]", "<s>", "&nbsp;", "\\u4e00", "\r\n", "\n\n\t"],
    _EVERYTHING,
]

_GAPS = [*" " * 8, "  ", "\n", "\t", "\u3000", " \u200b "]
_STABLE: list[list[str]] = [
    *_range_lists(
        (0x4E00, 0x9FA5), (0xAC00, 0xD7A3), (0x0621, 0x063A), (0x0410, 0x044F), (0x0905, 0x0939), (0x61, 0x7A)
    ),
    [*"😀👍🚀🎉"],
    [*"0123456789.,%-/()'\"“”《》"],
    [*"éñüßøşğıžŁĐ"],
]


def generated_texts(count: int, seed: int, tokenizer: Tokenizer) -> list[str]:
    """`count` texts of 1 to 510 code points and at most MAX_PIECES pieces; one in ten is long."""
    random = Random(seed)
    sentences = sample_sentences()
    texts: list[str] = []
    while len(texts) < count:
        size = random.randint(200, MAX_PIECES) if random.random() < 0.1 else random.randint(1, 80)
        text = _text(size, sentences, random)
        while len(tokenizer.encode(text)[0]) > MAX_PIECES:
            text = text[:-1]
        if "[SEP]" not in text:
            texts.append(text)
    return texts


def texts_of_words(count: int, seed: int, tokenizer: Tokenizer) -> list[str]:
    """`count` texts of words in many scripts with white space between them; one in ten is long.

    Normalization changes nothing but the white space: ModelScope fails on other texts if a model labels words.
    """
    random = Random(seed)
    sentences = [text for text in sample_sentences(split="words") if _is_stable(text)]
    texts: list[str] = []
    while len(texts) < count:
        size = random.randint(60, 150) if random.random() < 0.1 else random.randint(1, 25)
        words: list[str] = []
        while len(words) < size:
            if random.random() < 0.4:
                words.extend(random.choice(sentences).split(" "))
            else:
                words.append("".join(random.choices(random.choice(_STABLE), k=random.randint(1, 8))))
        parts = [word + random.choice(_GAPS) for word in words]
        while len(tokenizer.encode("".join(parts)).ids) > MAX_PIECES:
            parts.pop()
        texts.append("".join(parts))
    return texts


def _is_stable(text: str) -> bool:
    """Whether normalization leaves a text as it is. U+200C and U+200D are white space to it."""
    return unicodedata.normalize("NFKC", text) == text and text.isprintable()


def _text(size: int, sentences: list[str], random: Random) -> str:
    text = ""
    while len(text) < size:
        if random.random() < 0.4:
            text += random.choice(sentences)
        else:
            text += "".join(random.choices(random.choice(_ALPHABETS), k=random.randint(1, 12)))
    return text[:size]
