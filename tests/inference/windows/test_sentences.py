import itertools

from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.inference.windows.sentences import (
    clause_ends,
    longest_sentence,
    possible_sentence_ends,
    sentence_ends,
    split_long_sentences,
)
from tests.support.texts.windows import first_pieces


def test_possible_sentence_ends_include_closing_quotes() -> None:
    assert possible_sentence_ends("他说：“好！”然后走了。没有完") == [7, 12]
    assert possible_sentence_ends("一行\n\n两行") == [4]
    assert possible_sentence_ends("") == []


def test_sentence_ends_are_stricter_than_possible_ones() -> None:
    text = "他说：“走吧！” 于是走了；\n走了。。\n\n雅虎!日本…第三段\n\n完"
    assert [text[:stop][-3:] for stop in sentence_ends(text)] == ["！” ", "。\n\n", "段\n\n"]


def test_clauses_end_at_commas_but_not_inside_numbers() -> None:
    text = "他说：“好，”花了1,000元,12:30走的；雅虎!日\n本"
    assert [text[:end][-3:] for end in clause_ends(text)] == ["他说：", "好，”", "0元,", "走的；"]


def test_longest_sentence() -> None:
    text = "一二三。四五六七。八"
    assert longest_sentence(*first_pieces([1] * len(text)), sentence_ends(text)) == 5
    assert longest_sentence(*first_pieces([3] * len(text)), sentence_ends(text)) == 15
    assert longest_sentence(*first_pieces([]), []) == 0


def parts_of(text: str, longest: int) -> list[str]:
    first, pieces = first_pieces([1] * len(text))
    cuts = split_long_sentences(
        first, pieces, sentence_ends(text), clause_ends(text), possible_sentence_ends(text), longest
    )
    return [text[start:end] for start, end in itertools.pairwise([0, *cuts])]


def test_long_sentence_is_split_between_clauses_into_similar_parts() -> None:
    assert parts_of("一，二，三，四。", 8) == ["一，二，三，四。"]
    assert parts_of("一，二，三，四，五。一，二。", 8) == ["一，二，", "三，四，五。", "一，二。"]
    assert parts_of("一，二二二二二二二二二二，三，四。", 8) == ["一，", "二二二二二二二二二二，", "三，四。"]
    assert parts_of("一，二二二二雅\n虎!二，三。", 12) == ["一，", "二二二二雅\n虎!二，三。"]
    assert parts_of("二二二二二二\n二二二二\n二二。", 8) == ["二二二二二二\n", "二二二二\n二二。"]
    assert parts_of("一" * 20, 8) == ["一" * 20]
    assert parts_of("", 8) == [""]


@given(st.text("一二3，,。!\n", max_size=200), st.integers(1, 40))
def test_parts_exceed_the_limit_only_without_clauses(text: str, longest: int) -> None:
    parts = parts_of(text, longest)
    assert "".join(parts) == text
    inside = [{end for end in (*clause_ends(part), *possible_sentence_ends(part)) if end < len(part)} for part in parts]
    assert all(len(part) <= longest or not ends for part, ends in zip(parts, inside, strict=True))
