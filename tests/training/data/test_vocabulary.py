"""Characters become ids as in RaNER's tokenizer: one id for each code point."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertTokenizer

from training.data.script import ALPHANUMERIC_TO_FULL, traditional_table
from training.data.vocabulary import SPECIAL, UNK, Vocabulary, build, count_pieces


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return build(["马云在杭州说：Ａ股涨了Ｂ", "émile 龙", "龍"], 400)


@given(text=st.text())
def test_every_code_point_has_one_id(vocabulary: Vocabulary, text: str) -> None:
    assert len(vocabulary.encode(text)) == len(text)


@pytest.mark.parametrize("character", [" ", "\n", "\u3000", "\u200b", "\ufe0f", "\x00", "\ud800", "韓", "한", "😀"])
def test_white_space_controls_and_unknown_characters_are_unk(vocabulary: Vocabulary, character: str) -> None:
    assert vocabulary.encode(character).tolist() == [UNK]


def test_case_and_accents_are_folded_and_width_is_not(vocabulary: Vocabulary) -> None:
    assert vocabulary.encode("A").tolist() == vocabulary.encode("a").tolist()
    assert vocabulary.encode("É").tolist() == vocabulary.encode("e").tolist()
    assert vocabulary.encode("Ａ").tolist() != vocabulary.encode("A").tolist()
    assert UNK not in vocabulary.encode("Ａａ")


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"], max_codepoint=0xFFFF), max_size=20))
def test_same_ids_as_the_published_tokenizer(
    vocabulary: Vocabulary, tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "vocab.txt"
    if not path.is_file():
        vocabulary.write(path)
    tokenizer = BertTokenizer(str(path))
    for character in text:
        pieces = tokenizer.tokenize(character) or ["[UNK]"]
        assert vocabulary.encode(character).tolist() == [tokenizer.convert_tokens_to_ids(pieces[0])]


def test_a_written_vocabulary_is_read(vocabulary: Vocabulary, tmp_path: Path) -> None:
    vocabulary.write(tmp_path / "vocab.txt")
    assert Vocabulary.read(tmp_path / "vocab.txt").pieces == vocabulary.pieces


def test_special_pieces_come_first() -> None:
    with pytest.raises(ValueError, match=r"\[PAD\]"):
        Vocabulary(["马", *SPECIAL])


def test_traditional_forms_are_counted_too() -> None:
    assert count_pieces(["龙" * 100]) == {"龙": 100, "龍": 2}


def test_a_translation_table_maps_ids(vocabulary: Vocabulary) -> None:
    traditional = vocabulary.translation(traditional_table())
    assert traditional[vocabulary.encode("龙")].tolist() == vocabulary.encode("龍").tolist()
    full = vocabulary.translation(ALPHANUMERIC_TO_FULL)
    assert full[vocabulary.encode("a马")].tolist() == vocabulary.encode("ａ马").tolist()
