from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner_runtime.errors import InvalidModel
from ner_runtime.inference.tokenizers.wordpiece import WordPieceTextTokenizer, WordPieceTokenizer, WordPieceVocabulary

PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "中",
    "a",
    "e",
    "，",
    "[",
    "]",
    "s",
    "p",
    "１",
    "ᄒ",
    "##ᅡ",
    "##ᆫ",
]
VOCABULARY = {piece: index for index, piece in enumerate(PIECES)}


@pytest.fixture(scope="module")
def tokenizer() -> WordPieceTokenizer:
    return WordPieceTokenizer(WordPieceVocabulary(VOCABULARY, lowercase=True))


def pieces(tokenizer: WordPieceTokenizer, text: str) -> list[str]:
    return [PIECES[id_] for id_ in tokenizer.encode(text)[0].tolist()]


def test_one_piece_per_code_point(tokenizer: WordPieceTokenizer) -> None:
    assert pieces(tokenizer, "中a，") == ["中", "a", "，"]


def test_lower_case_and_accents(tokenizer: WordPieceTokenizer) -> None:
    assert pieces(tokenizer, "Aàé") == ["a", "a", "e"]
    # In NFD the accent is a separate code point with its own position.
    assert pieces(tokenizer, "e\u0301") == ["e", "[UNK]"]


def test_white_space_and_invisible_characters_keep_their_position(tokenizer: WordPieceTokenizer) -> None:
    assert pieces(tokenizer, "中 \t\r\n\u00a0\u200b\u200d\ufe0f\x00中") == ["中", *["[UNK]"] * 9, "中"]


def test_full_width_forms_are_not_converted(tokenizer: WordPieceTokenizer) -> None:
    assert pieces(tokenizer, "１1") == ["１", "[UNK]"]


def test_literal_special_tokens_are_ordinary_characters(tokenizer: WordPieceTokenizer) -> None:
    assert pieces(tokenizer, "[SEP]") == ["[", "s", "e", "p", "]"]


def test_first_piece_of_a_hangul_syllable_carries_the_label(tokenizer: WordPieceTokenizer) -> None:
    ids, first, _ = tokenizer.encode("中한a")
    assert [PIECES[id_] for id_ in ids] == ["中", "ᄒ", "##ᅡ", "##ᆫ", "a"]
    assert first.tolist() == [0, 1, 4]


def test_lone_surrogates_and_rare_characters_are_unknown(tokenizer: WordPieceTokenizer) -> None:
    assert pieces(tokenizer, "\ud800𠮷") == ["[UNK]", "[UNK]"]


@given(text=st.text(st.characters()))
def test_every_code_point_has_a_first_piece(tokenizer: WordPieceTokenizer, text: str) -> None:
    ids, first, _ = tokenizer.encode(text)
    assert len(first) == len(text)
    assert sorted(set(first.tolist())) == first.tolist()
    assert all(0 <= index < len(ids) for index in first)


@given(left=st.text(st.characters()), right=st.text(st.characters()))
def test_encoding_is_the_concatenation_of_parts(tokenizer: WordPieceTokenizer, left: str, right: str) -> None:
    whole = tokenizer.encode(left + right)[0].tolist()
    assert whole == tokenizer.encode(left)[0].tolist() + tokenizer.encode(right)[0].tolist()


def test_cased_model_keeps_case() -> None:
    assert WordPieceTokenizer(WordPieceVocabulary(VOCABULARY, lowercase=False)).encode("A")[0].tolist() == [
        VOCABULARY["[UNK]"]
    ]


def test_vocabulary_files(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes("\r\n".join([*PIECES, "\u2028", ""]).encode())
    assert WordPieceTokenizer(WordPieceVocabulary.from_file(path, lowercase=True)).encode("中")[0].tolist() == [5]
    path.write_text("中\n[UNK]\n")
    with pytest.raises(InvalidModel, match=r"no \[CLS\], \[SEP\]"):
        WordPieceTokenizer(WordPieceVocabulary.from_file(path, lowercase=True))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidModel, match="not UTF-8"):
        WordPieceTokenizer(WordPieceVocabulary.from_file(path, lowercase=True))


@pytest.mark.parametrize("lowercase", [True, False])
def test_compatibility_ideographs_are_normalized(lowercase: bool) -> None:
    # U+FA31 is composed to 僧 whether or not case and accents are kept.
    tokenizer = WordPieceTokenizer(
        WordPieceVocabulary({"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "僧": 3}, lowercase=lowercase)
    )
    assert tokenizer.encode("\ufa31")[0].tolist() == [3]


def test_pieces_of_a_whole_text() -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "中", "run", "##ning", "ning", "#"]
    ids = {word: index for index, word in enumerate(words)}
    tokenizer = WordPieceTextTokenizer(WordPieceVocabulary(ids, lowercase=True))
    encoding = tokenizer.encode("中 Running文\ud800")
    # AdaSeq encodes `##ning` again; its first piece, `#`, gets the label.
    assert [words[id_] for id_ in encoding.ids] == ["中", "run", "#", "#", "ning", "[UNK]"]
    assert encoding.first.tolist() == [0, 1, 2, 5]
    assert encoding.offsets is not None
    assert encoding.offsets.tolist() == [[0, 1], [2, 5], [5, 9], [9, 10]]
    assert tokenizer.encode(" ").offsets is not None
