"""Draw names of each type, from lexicons and from the corpora, to replace those in training sentences.

Names of people follow the surname and given-name frequencies of the population, or come from the corpora and from
lists of famous, foreign and historical people. Names of organisations come from lists and from encyclopedia titles that
end like the name of an organisation, or are composed of a place, a company name and a kind of company.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.data.corpora import Sentence, read_lexicon, read_lines

Draw = Callable[[random.Random], str]

# Encyclopedia titles with these endings are organisations.
_ORGANISATION_ENDS = (
    "公司", "集团", "大学", "学会", "协会", "银行", "研究所", "研究院", "委员会", "俱乐部", "医院", "中学", "小学",
    "学院", "出版社", "电视台", "联盟", "基金会", "政府", "共产党", "管理局", "法院", "检察院", "科学院", "总局",
    "航空", "证券", "保险", "足球队", "篮球队", "联合会", "研究会", "商会", "工会", "博物馆", "图书馆", "报社",
)  # fmt: skip
_KINDS = (
    "集团", "公司", "有限公司", "股份有限公司", "科技有限公司", "科技", "网络科技有限公司", "控股", "传媒",
    "投资有限公司", "实业有限公司", "电子", "汽车", "银行", "证券", "基金", "资本", "医药", "影业", "研究院", "实验室",
    "基金会", "俱乐部", "集团有限公司", "文化传播有限公司", "房地产开发有限公司", "物流", "食品有限公司",
)  # fmt: skip
_MIN_LENGTH, _MAX_LENGTH = 2, 20
# A shorter title with such an ending is the generic term itself.
_MIN_TITLE = 4
# Court reports replace parts of names with these characters.
_ANONYMOUS = frozenset("*某×Ｘ")


@dataclass(frozen=True)
class Names:
    """For each type, the functions that draw a name, with their weights."""

    ways: dict[str, list[tuple[Draw, float]]]

    def draw(self, type_: str, chance: random.Random) -> str | None:
        """Draw a name of a type; None if the type has no names."""
        ways = self.ways.get(type_)
        if not ways:
            return None
        (way,) = chance.choices([way for way, _ in ways], [weight for _, weight in ways])
        return way(chance)


def from_sentences(sentences: Iterable[Sentence]) -> dict[str, list[str]]:
    """Return the distinct entities of sentences, by type.

    Anonymised names are left out, and so are names of one character, since they depend on their context.
    """
    found: dict[str, dict[str, None]] = {}
    for sentence in sentences:
        for span in sentence.spans:
            name = sentence.text[span.start : span.end]
            if span.type is not None and len(name) >= _MIN_LENGTH and not _ANONYMOUS.intersection(name):
                found.setdefault(span.type, {})[name] = None
    return {type_: list(names) for type_, names in found.items()}


def gather(lexicons: Path, sentences: Iterable[Sentence]) -> Names:
    """Collect the names to draw, from a folder of lexicons and from annotated sentences."""
    own = from_sentences(sentences)
    places = _read(lexicons, "loc_cn_areas.txt", "loc_cn_cities.txt", "loc_cn_short_names_l1_3.tsv")
    companies = _read(lexicons, "org_company_short_28w.txt.gz")
    ways: dict[str, list[tuple[Draw, float]]] = {
        "PER": [
            (_person_drawer(lexicons), 4.0),
            (_one_of(_read(lexicons, "person_common_10k.txt")), 1.0),
            (_one_of(_read(lexicons, "person_japanese_18w.txt.gz")), 0.5),
            (_one_of(_read(lexicons, "person_thuocl_historical.tsv.gz")), 1.5),
            (_one_of(_read(lexicons, "dict_nrt_transliterated_person.txt")), 1.0),
            (_transliterated_drawer(_read(lexicons, "dict_nrt_transliterated_person.txt")), 1.2),
            (_one_of(_read(lexicons, "per_trending_silver.tsv")), 1.5),
            (_one_of(_read(lexicons, "per_athletes_translit.tsv")), 0.5),
        ],
        "LOC": [
            (_one_of(places), 2.0),
            (_one_of(_read(lexicons, "loc_countries_zh.tsv")), 1.0),
            (_one_of(_read(lexicons, "loc_cn_streets_towns.txt.gz")), 1.0),
            (_one_of(_read(lexicons, "loc_foreign_cities.tsv")), 0.5),
            (_one_of(_read(lexicons, "loc_scenic_5a.tsv")), 0.3),
            (_one_of([f"{name}站" for name in _read(lexicons, "loc_railway_stations.tsv")]), 0.3),
        ],
        "ORG": [
            (_one_of(_organisation_titles(lexicons)), 3.0),
            (_one_of(_read(lexicons, "org_cn_universities.txt")), 0.5),
            (_one_of(_read(lexicons, "dict_nt_org.txt")), 1.0),
            (_one_of(companies), 1.0),
            (_company_drawer(places, companies), 1.5),
            (_one_of(brands(lexicons)["safe"]), 2.0),
            (_one_of(_read(lexicons, "org_listed_companies_cn.tsv")), 1.0),
            (_one_of(_read(lexicons, "org_institutions_baike.tsv.gz", "org_hospitals.tsv")), 0.5),
        ],
    }
    for type_, names in own.items():
        weight = sum(weight for _, weight in ways.get(type_, [])) or 1.0
        ways.setdefault(type_, []).append((_one_of(names), weight))
    return Names({type_: [(way, weight) for way, weight in each] for type_, each in ways.items()})


# The categories in the list of modern names that belong to each use.
_CATEGORIES = {
    "club": ("sports clubs and teams",), "media": ("media",), "school": ("schools",), "hospital": ("hospitals",),
    "office": ("government and international bodies",),
    "brand": (
        "internet and software", "food, drink and catering", "foreign tech", "finance", "cars", "fashion and beauty",
        "real estate, energy, industry", "express and travel", "phones and electronics", "retail", "medicine",
    ),
}  # fmt: skip


def brands(lexicons: Path) -> dict[str, list[str]]:
    """Return modern names of organisations, by use.

    `safe` holds all names that are not also a word or a place; `any` holds all brands, including those that are.
    """
    rows = [line.split("\t") for line in read_lines(lexicons / "org_modern_brands_hand.tsv")]
    rows = [row for row in rows if len(row) == 4 and len(row[0]) >= _MIN_LENGTH]
    clear = [row for row in rows if "word" not in row[3] and "place" not in row[3]]
    found = {use: [row[0] for row in clear if row[1] in kinds] for use, kinds in _CATEGORIES.items()}
    return {
        **found,
        "safe": [row[0] for row in clear],
        "any": [row[0] for row in rows if row[1] in _CATEGORIES["brand"]],
    }


def _transliterated_drawer(parts: Sequence[str]) -> Draw:
    def draw(chance: random.Random) -> str:
        number = 3 if chance.random() < 0.15 else 2
        return "·".join(chance.choice(parts) for _ in range(number))

    return draw


def _read(lexicons: Path, *files: str) -> list[str]:
    entries = [entry for file in files for entry in read_lexicon(lexicons / file)]
    return list(dict.fromkeys(entry for entry in entries if _MIN_LENGTH <= len(entry) <= _MAX_LENGTH))


def _one_of(names: Sequence[str]) -> Draw:
    return lambda chance: chance.choice(names)


def _organisation_titles(lexicons: Path) -> list[str]:
    titles = _read(lexicons, "zhwiki_titles_simplified.txt.gz")
    return [title for title in titles if title.endswith(_ORGANISATION_ENDS) and len(title) >= _MIN_TITLE]


def _company_drawer(places: Sequence[str], cores: Sequence[str]) -> Draw:
    def draw(chance: random.Random) -> str:
        place = chance.choice(places) if chance.random() < 0.5 else ""
        return place + chance.choice(cores) + chance.choice(_KINDS)

    return draw


def _frequencies(path: Path, column: str) -> tuple[list[str], list[float]]:
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    at = header.split(",").index(column)
    cells = [row.split(",") for row in rows]
    return [row[0] for row in cells], [float(row[at]) for row in cells]


def _person_drawer(lexicons: Path) -> Draw:
    surnames, surname_counts = _frequencies(lexicons / "surname_freq.csv", "n.1930_2008")
    characters, character_counts = _frequencies(lexicons / "givenname_char_freq.csv", "name.ppm")
    # Flattened, so that rare surnames and characters are drawn more often than they occur in the population.
    surname_sums = _running_sums([count**0.6 for count in surname_counts])
    character_sums = _running_sums([count**0.8 for count in character_counts])

    def draw(chance: random.Random) -> str:
        (surname,) = chance.choices(surnames, cum_weights=surname_sums)
        given = chance.choices(characters, cum_weights=character_sums, k=1 if chance.random() < 0.25 else 2)
        return surname + "".join(given)

    return draw


def _running_sums(weights: Iterable[float]) -> list[float]:
    total = 0.0
    return [total := total + weight for weight in weights]
