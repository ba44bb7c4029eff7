"""docs/lexicons.md shows what the library does."""

from __future__ import annotations

from pathlib import Path

from ner_runtime import Entry, Lexicon, Recognizer
from tests.support.servers.service import REPOSITORY

PAGE = (REPOSITORY / "docs" / "lexicons.md").read_text(encoding="utf-8")


def test_the_example_finds_the_entities_shown(recognizer: Recognizer) -> None:
    lexicon = Lexicon.from_entries([Entry("北京", "BRAND"), Entry("马云", "*", "forbid")])
    [entities] = recognizer.recognize(["马云从北京大学去北京。"], lexicon=lexicon)
    shown = ", ".join(f"{entity.type} {entity.span} (source: {entity.source})" for entity in entities)
    assert f"# {shown}\n" in PAGE


def test_the_file_is_a_lexicon(tmp_path: Path) -> None:
    file = tmp_path / "example.tsv"
    file.write_text(PAGE.partition("```text\n")[2].partition("```")[0], encoding="utf-8")
    lexicon = Lexicon.from_file(file)
    assert (len(lexicon), lexicon.report.clean, lexicon.types) == (5, True, ("EVENT", "ORG"))
