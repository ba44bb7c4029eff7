"""A folder of code holds few enough modules that a reader can survey them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDERS = ("ner_runtime", "loadtest", "benchmarks", "scripts", "static/js", "tests", "training")
MOST_MODULES = 10


def test_no_folder_holds_more_than_ten_modules() -> None:
    files = [file for folder in FOLDERS for file in (REPOSITORY / folder).rglob("*")]
    modules = [file for file in files if file.suffix in (".py", ".js")]
    counts = Counter(str(file.parent.relative_to(REPOSITORY)) for file in modules if file.name != "__init__.py")
    assert counts
    assert {folder: count for folder, count in counts.items() if count > MOST_MODULES} == {}
