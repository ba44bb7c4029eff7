"""Lexicon files and the report of their faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from ner_runtime import Entry, InvalidLexicon, Lexicon

GOOD = "\ufeff# brands\r\n百度\tORG\r\n\r\n奔 驰\tORG\tforce\r\n苹果\tORG\thint\t3.5\r\n可口-可乐\tORG\r\n".encode()
SAME = [
    Entry("百度", "ORG"),
    Entry("奔 驰", "ORG", "force"),
    Entry("苹果", "ORG", "hint", 3.5),
    Entry("可口-可乐", "ORG"),
]


def write(folder: Path, content: bytes | str) -> Path:
    path = folder / "brands.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_byte_order_mark_crlf_comments_and_inner_spaces_are_no_problem(tmp_path: Path) -> None:
    lexicon = Lexicon.from_file(write(tmp_path, GOOD))
    assert (len(lexicon), lexicon.report.clean) == (4, True)
    assert lexicon.digest == Lexicon.from_entries(SAME).digest


def test_json_lines_may_be_mixed_with_tab_separated_values(tmp_path: Path) -> None:
    lines = '{"text": "苹果", "type": "ORG", "left": "买", "color": "gold"}\n苹果\tFRUIT\n'
    lexicon = Lexicon.from_file(write(tmp_path, lines))
    assert (lexicon.types, lexicon.colors) == (("FRUIT", "ORG"), {"ORG": "gold"})


def test_a_line_without_a_type_is_bad_also_after_indented_json(tmp_path: Path) -> None:
    lexicon = Lexicon.from_file(write(tmp_path, ' {"text": "北京", "type": "LOC"}\n马云\n'))
    assert (len(lexicon), [number for number, _ in lexicon.report.bad]) == (1, [2])


def test_the_digest_depends_on_the_entries_only() -> None:
    digests = {
        Lexicon.from_entries(entries).digest
        for entries in (
            SAME,
            SAME[::-1],
            [*SAME, SAME[0], Entry("百度", "LOC")],
            [Entry("ＢＡＩＤＵ", "ORG"), Entry("baidu", "ORG")],
        )
    }
    assert len(digests) == 2
    assert Lexicon.from_entries([Entry("百度", "LOC")]).digest != Lexicon.from_entries([Entry("百度", "ORG")]).digest


def test_faults_are_reported_with_their_lines(tmp_path: Path) -> None:
    lines = ["百度\tORG", "百度", "百度\tORG", "百度\tLOC", "沪\tLOC", "奔驰\tORG\tmust", '{"text": "a"', "Ａpple\tORG"]
    lexicon = Lexicon.from_file(write(tmp_path, "\n".join([*lines, "apple\tORG\tforbid", "x\tORG\thint\tmuch"])))
    report = lexicon.report
    assert len(lexicon) == report.taken == 3
    assert [number for number, _ in report.bad] == [2, 6, 7, 10]
    assert (report.duplicates, report.conflicts, report.one_character) == ([3], [4, 9], [5])
    assert not report.clean
    shown = "\n".join(report.lines())
    assert "line 2: has 1 columns; expected: text<TAB>type" in shown
    assert "line 7: not JSON" in shown
    assert "lines 4, 9: left out because of an earlier, contradictory line with the same text" in shown
    assert report.summary().startswith("3 entries, 4 bad lines, 1 duplicate, 2 conflicts, 1 of one character; line 2:")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("百度\tORG".encode("gb18030"), "is not UTF-8: byte 0 cannot be decoded"),
        ("百度\n奔驰\n", "has no valid entry; line 1: has 1 columns"),
    ],
)
def test_a_file_that_is_no_lexicon_is_refused(tmp_path: Path, content: bytes | str, message: str) -> None:
    with pytest.raises(InvalidLexicon, match=message):
        Lexicon.from_file(write(tmp_path, content))


def test_a_missing_file_is_an_error_and_an_empty_one_is_an_empty_lexicon(tmp_path: Path) -> None:
    with pytest.raises(InvalidLexicon, match="cannot be read: No such file"):
        Lexicon.from_file(tmp_path / "missing.tsv")
    assert len(Lexicon.from_file(write(tmp_path, "# nothing yet\n"))) == 0
