"""Encoding texts with the Unigram vocabulary of an XLM-RoBERTa model."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.errors import InvalidModel
from ner_runtime.inference.span_rules import is_invisible
from ner_runtime.inference.tokenizers.unigram import (
    UNK,
    UnigramTokenizer,
    UnigramWordTokenizer,
    Vocabulary,
    open_vocabulary,
)
from tests.support.models.unigram import unigram_model

LONGEST = 510
ANY_TEXT = st.text(st.characters())
WORDS = st.lists(
    st.sampled_from(["Anna", "Москва", "서울특별시", "علي", "北京", "①㎏", "ﷺ", "😀", "ｆｕｌｌ", "é", "…", "a¨b", "▁"])
)


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    path = tmp_path_factory.mktemp("unigram") / "sentencepiece.bpe.model"
    path.write_bytes(unigram_model())
    return open_vocabulary(path)


@pytest.fixture(scope="module")
def characters(vocabulary: Vocabulary) -> UnigramTokenizer:
    return UnigramTokenizer(vocabulary)


@pytest.fixture(scope="module")
def words(vocabulary: Vocabulary) -> UnigramWordTokenizer:
    return UnigramWordTokenizer(vocabulary, LONGEST)


def spans(tokenizer: UnigramWordTokenizer, text: str) -> list[str]:
    offsets = tokenizer.encode(text).offsets
    assert offsets is not None
    return [text[start:end] for start, end in offsets.tolist()]


def test_the_first_piece_of_a_code_point_is_often_the_mark_for_white_space(
    characters: UnigramTokenizer, vocabulary: Vocabulary
) -> None:
    ids, pieces = vocabulary.encode("市")
    assert pieces == ["▁", "市"]
    encoding = characters.encode("市 市")
    assert encoding.ids.tolist() == [*ids, UNK, *ids]
    assert encoding.first.tolist() == [0, 2, 3]
    assert encoding.offsets is None


def test_words_end_before_white_space(words: UnigramWordTokenizer) -> None:
    assert spans(words, "  Anna Miller\tvisited\nNew\u3000 York. ") == ["Anna", "Miller", "visited", "New", "York."]
    assert spans(words, "Иван Козлов 한빛전자 علي") == ["Иван", "Козлов", "한빛전자", "علي"]
    assert spans(words, "北京市和上海市") == ["北京市和上海市"]
    assert spans(words, " \n") == []


def test_offsets_refer_to_the_text_before_normalization(words: UnigramWordTokenizer) -> None:
    # ① becomes 1, ㎏ becomes kg, full-width letters become ASCII, e and U+0301 become one letter.
    assert spans(words, "① ㎏ ＡＢＣ cafe\u0301 x") == ["①", "㎏", "ＡＢＣ", "cafe\u0301", "x"]


def test_several_words_of_one_code_point(words: UnigramWordTokenizer) -> None:
    # U+FDFA becomes four words.
    assert spans(words, "a ﷺ b") == ["a", "", "", "", "ﷺ", "b"]


def test_control_tokens_in_a_text_are_ordinary_characters(
    words: UnigramWordTokenizer, characters: UnigramTokenizer
) -> None:
    assert spans(words, "a</s>b <mask> [SEP] c") == ["a</s>b", "<mask>", "[SEP]", "c"]
    for text in ("</s>", "<s>", "<pad>"):
        assert len(characters.encode(text).first) == len(text)
        assert not {0, 1, 2} & {*characters.encode(text).ids.tolist(), *words.encode(text).ids.tolist()}


def test_a_word_that_is_too_long_keeps_its_first_pieces(vocabulary: Vocabulary) -> None:
    text = "a 北京市和上海市 b"
    whole, short = (UnigramWordTokenizer(vocabulary, longest).encode(text) for longest in (LONGEST, 4))
    sizes = [len(part) for part in (whole.ids, short.ids)]
    assert sizes[0] > sizes[1]
    assert whole.offsets is not None
    assert short.offsets is not None
    assert whole.offsets.tolist() == short.offsets.tolist()
    assert short.ids[short.first].tolist() == whole.ids[whole.first].tolist()
    assert max(int(size) for size in [*short.first[1:] - short.first[:-1], len(short.ids) - short.first[-1]]) <= 4


def test_words_of_one_code_point_share_the_longest_window(words: UnigramWordTokenizer) -> None:
    # U+FDFA becomes four words, and the last one includes what follows.
    encoding = words.encode("ﷺ" + "①㎏" * LONGEST)
    assert encoding.offsets is not None
    assert len(encoding.first) > 1
    assert set(encoding.offsets[:, 0].tolist()) == {0}
    assert len(encoding.ids) <= LONGEST


def test_lone_surrogates(words: UnigramWordTokenizer, characters: UnigramTokenizer) -> None:
    assert characters.encode("\ud800").ids.tolist() == [UNK]
    assert spans(words, "a\ud800b c")[-1] == "c"


@given(text=ANY_TEXT)
def test_each_code_point_has_a_first_piece(characters: UnigramTokenizer, text: str) -> None:
    ids, first, _ = characters.encode(text)
    assert len(first) == len(text)
    assert all(0 <= index < len(ids) for index in first)


@given(text=st.one_of(ANY_TEXT, WORDS.map(" ".join), WORDS.map("".join), WORDS.map("\u200b".join)))
def test_words_are_sorted_and_cover_what_is_visible(words: UnigramWordTokenizer, text: str) -> None:
    ids, first, offsets = words.encode(text)
    assert offsets is not None
    assert len(first) == len(offsets)
    assert sorted(set(first.tolist())) == first.tolist()
    assert all(0 <= index < len(ids) for index in first)
    covered: set[int] = set()
    reached = 0
    for start, end in offsets.tolist():
        assert reached <= start <= end <= len(text)
        covered.update(range(start, end))
        reached = end
    # Normalization turns these marks into white space or removes them.
    removed = "▁\ufffd"
    left = "".join(char for index, char in enumerate(text) if index not in covered)
    assert all(is_invisible(char) or char in removed for char in left), ascii(left)


@pytest.mark.parametrize("content", [b"", b"not a model", unigram_model()[:1000]], ids=["empty", "text", "cut"])
def test_damaged_vocabulary(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sentencepiece.bpe.model"
    path.write_bytes(content)
    with pytest.raises(InvalidModel, match=r"sentencepiece\.bpe\.model"):
        open_vocabulary(path)
