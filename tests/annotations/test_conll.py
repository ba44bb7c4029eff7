"""CoNLL files: columns, schemes, sentences, and the order of tags."""

from __future__ import annotations

import pytest

from ner_runtime.annotations.conll import is_conll, read_conll
from ner_runtime.jsonl import Annotation, Sentence
from ner_runtime.text_files.lines import LineError


def read(content: str) -> tuple[str, list[Sentence]]:
    return read_conll(list(enumerate(content.split("\n"), start=1)))


def test_sentences_end_at_empty_lines_and_documents() -> None:
    content = "-DOCSTART- -X- O O\n\n# 第一句\n张 NR B-PER\n伟 NR I-PER\n\n \n在 P O\n-DOCSTART- O\n# O\n"
    scheme, sentences = read(content)
    assert scheme == "BIO"
    assert sentences == [Sentence("张伟", (Annotation("PER", 0, 2),)), Sentence("在", ()), Sentence("#", ())]


@pytest.mark.parametrize("tags", ["B E S O B I E", "B L U O B I L", "B E S O B M E"])
def test_bioes_bmes_and_bilou_are_one_scheme(tags: str) -> None:
    lines = [
        f"{char}\t{tag if tag == 'O' else f'{tag}-X'}" for char, tag in zip("张伟李在司马光", tags.split(), strict=True)
    ]
    assert read("\n".join(lines)) == (
        "BIOES",
        [Sentence("张伟李在司马光", (Annotation("X", 0, 2), Annotation("X", 2, 3), Annotation("X", 4, 7)))],
    )


def test_neighbouring_entities_of_one_type() -> None:
    _, [sentence] = read("张 B-PER\n伟 I-PER\n李 B-PER\n娜 I-PER")
    assert sentence.spans == (Annotation("PER", 0, 2), Annotation("PER", 2, 4))


def test_words_of_ascii_are_joined_with_a_space() -> None:
    _, [sentence] = read("Tim B-PER\nCook I-PER\n用 O\niPhone O\n1 O\n6 O")
    assert sentence == Sentence("Tim Cook用iPhone 16", (Annotation("PER", 0, 8),))


def test_tab_keeps_a_space_as_a_token() -> None:
    _, [sentence] = read("张\tB-PER\n \tO\n[\tO")
    assert sentence.text == "张 ["


@pytest.mark.parametrize("token", ["\u3000", "\xa0", "\u2028"])
def test_other_white_space_is_a_token_between_spaces(token: str) -> None:
    _, [sentence] = read(f"张 B-PER\n{token} O\n伟  B-PER ")
    assert sentence.text == f"张{token}伟"


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("张 B-PER\n伟", 2, "not a token and a tag"),
        ("张 B-PER\n伟 PER", 2, "not a token and a tag"),
        ("张 I-PER", 1, "I-PER follows O; expected B-PER"),
        ("张 B-PER\n伟 I-LOC", 2, "I-LOC follows B-PER; expected B-LOC"),
        ("张 B-PER\n伟 I-PER\n\n在 I-PER", 4, "I-PER follows O; expected B-PER"),
        ("张 B-PER\n伟 O\n李 S-PER", 2, "O follows B-PER; expected E-PER"),
        ("李 S-PER\n张 B-PER", 2, "the sentence ends with B-PER; expected E-PER"),
        ("李 S-PER\n张 E-PER", 2, "E-PER follows S-PER; expected B-PER"),
    ],
)
def test_wrong_lines_are_named(content: str, line: int, message: str) -> None:
    with pytest.raises(LineError, match=message) as raised:
        read(content)
    assert raised.value.line == line


@pytest.mark.parametrize("line", ["张伟在北京。", '{"text": "张 B-PER"}', '{ "text": "张 B-PER"}', "[1, 2]", "", "O"])
def test_other_lines_are_not_conll(line: str) -> None:
    assert not is_conll(line)
