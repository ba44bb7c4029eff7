"""Build the lexicon of the embedded model from lists of names and words.

The lexicon is shipped with the model. It therefore uses only lists that may be redistributed: lists under MIT,
Apache-2.0 or WTFPL, and lists made for this project. An entry can have several kinds.

    python -m training.data.lexicon --jieba .work/peers/lib/python3.11/site-packages/jieba/dict.txt
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from ner_runtime.lexicon.files import write_matcher
from ner_runtime.lexicon.folding import with_script
from ner_runtime.lexicon.matcher import MAX_ENTRY, Matcher, kinds_of
from training.data.corpora import DATA, read_lines
from training.data.script import simplified_table, to_simplified
from training.run import WORK

KINDS = (
    "person_known", "person_foreign", "person", "person_rare", "place_division", "place_street", "place_sight",
    "place",
    "org_modern", "org_ambiguous", "org_institution", "company", "word_common", "word", "term", "popular",
)  # fmt: skip

# Lists of which all entries are used, by kind.
_PLAIN = {
    "person_known": ("per_trending_silver.tsv", "person_thuocl_historical.tsv.gz"),
    "person_rare": ("person_japanese_18w.txt.gz",),
    "place_division": (
        "loc_cn_provinces.txt", "loc_cn_cities.txt", "loc_cn_areas.txt", "loc_cn_short_names_l1_3.tsv",
        "loc_countries_zh.tsv",
        "loc_cn_historic_divisions.txt",
    ),
    "place_street": ("loc_cn_streets_towns.txt.gz",),
    "place_sight": ("loc_scenic_5a.tsv",),
    "org_institution": ("org_cn_universities.txt", "org_institutions_baike.tsv.gz"),
    "company": ("org_company_short_28w.txt.gz",),
    "term": (
        "neg_chengyu_5w.txt.gz", "neg_thuocl_finance_terms.tsv", "neg_thuocl_it_terms.tsv", "neg_thuocl_law_terms.tsv",
        "neg_thuocl_food.tsv", "neg_thuocl_animal.tsv", "neg_thuocl_medical.tsv",
    ),
}  # fmt: skip
_JIEBA_NAMES = {"nr": "person", "nrfg": "person", "nrt": "person_foreign", "ns": "place", "nt": "org_institution"}
_COMMON = 200
_RARE = 3
_MIN_NOISY = 3
_POPULAR = 20
_NAME_KINDS = tuple(kind for kind in KINDS if kind not in ("word_common", "word", "term", "popular"))
NAMES = kinds_of(_NAME_KINDS, KINDS)
WORDS = kinds_of(("word_common", "word", "term"), KINDS)
_MODERN = (
    "weibo_trending",
    "zhihu_hot",
    "finance_news",
    "reviews",
    "dialogue",
    "news_titles",
    "clue_small",
    "car_comments",
)


def columns(path: Path) -> Iterator[list[str]]:
    """Yield the columns of each entry of a list; skip comments, and entries that are too short or too long."""
    for line in read_lines(path):
        cells = line.split("\t")
        cells[0] = cells[0].strip()
        if 2 <= len(cells[0]) <= MAX_ENTRY and not cells[0].startswith("#"):
            yield cells


class Entries:
    """Entries in simplified script, each with its kinds."""

    def __init__(self) -> None:
        self.kinds: dict[str, int] = {}

    def add(self, entry: str, kind: str) -> None:
        simplified = to_simplified(entry)
        self.kinds[simplified] = self.kinds.get(simplified, 0) | kinds_of([kind], KINDS)


def collect(lexicons: Path, jieba: Path) -> dict[str, int]:
    """Return all entries with their kinds, except the kind `popular`."""
    entries = Entries()
    for kind, files in _PLAIN.items():
        for file in files:
            for cells in columns(lexicons / file):
                entries.add(cells[0], kind)
    for cells in columns(lexicons / "person_ancient_25w.txt.gz"):
        if len(cells[0]) >= _MIN_NOISY:
            entries.add(cells[0], "person_rare")
    for cells in columns(lexicons / "loc_scenic_places.tsv.gz"):
        if len(cells[0]) >= _MIN_NOISY:
            entries.add(cells[0], "place_sight")
    for cells in columns(lexicons / "loc_metro_stations.tsv"):
        entries.add(cells[0] + "站", "place_sight")
    for file in ("org_modern_brands_hand.tsv", "org_tech_companies_db.tsv"):
        for cells in columns(lexicons / file):
            is_ambiguous = "word" in cells[3] or "place" in cells[3]
            entries.add(cells[0], "org_ambiguous" if is_ambiguous else "org_modern")
    words: set[str] = set()
    for line in read_lines(jieba):
        word, count, tag = line.split()
        if not 2 <= len(word) <= MAX_ENTRY:
            continue
        if tag in _JIEBA_NAMES:
            entries.add(word, _JIEBA_NAMES[tag])
        elif int(count) >= _RARE:
            words.add(word)
            entries.add(word, "word_common" if int(count) >= _COMMON else "word")
    for cells in columns(lexicons / "loc_thuocl_diming.tsv.gz"):
        if cells[0] not in words:
            entries.add(cells[0], "place")
    return entries.kinds


def mark_popular(entries: dict[str, int], texts: Iterator[str]) -> None:
    """Add the kind `popular` to names that occur often in modern texts."""
    names = kinds_of(_NAME_KINDS, KINDS)
    matcher = Matcher.build({entry: kinds for entry, kinds in entries.items() if kinds & names}, with_script({}))
    counts = Counter[str]()
    for text in texts:
        folded = text.translate(matcher.table)
        counts.update(folded[match.start : match.end] for match in matcher.find(text))
    popular = kinds_of(["popular"], KINDS)
    for entry in entries:
        if counts[entry.translate(matcher.table)] >= _POPULAR:
            entries[entry] |= popular


def modern_texts(data: Path) -> Iterator[str]:
    """Yield the lines of plain text from recent years."""
    for path in sorted((data / "raw").glob("*.txt.gz")):
        if path.name.startswith(_MODERN):
            yield from read_lines(path)


def build(data: Path, jieba: Path) -> Matcher:
    """Build the lexicon of the embedded model."""
    entries = collect(data / "lexicons", jieba)
    mark_popular(entries, modern_texts(data))
    return Matcher.build(entries, with_script(simplified_table()))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Build the lexicon of the embedded model from lists.")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--jieba", type=Path, required=True, help="jieba's dict.txt")
    parser.add_argument("--output", type=Path, default=WORK / "lexicon")
    options = parser.parse_args(arguments)
    matcher = build(options.data, options.jieba)
    options.output.mkdir(parents=True, exist_ok=True)
    write_matcher(options.output, matcher, KINDS)
    for bit, kind in enumerate(KINDS):
        print(f"{kind:16} {int((matcher.kinds >> bit & 1).sum()):8,}")
    print(f"{len(matcher):,} entries in {options.output}")


if __name__ == "__main__":
    main()
