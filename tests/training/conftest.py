"""A small invented data folder with the layout of the real one: corpora, raw text, lexicons."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from training.data.corpora import CORPORA, DEV_SETS

PERSONS = ("张小明", "李红", "王建国", "赵云飞")
PLACES = ("青山市", "白河", "东岭县", "南湖")
ORGANISATIONS = ("青山大学", "白河钢铁公司", "东岭银行", "南湖医院")


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder."""
    return write_data(tmp_path_factory.mktemp("data"))


def sentences(count: int) -> list[dict[str, object]]:
    """Records like those of the corpora, each with a person, a place and an organisation."""
    records: list[dict[str, object]] = []
    for number in range(count):
        person, place = PERSONS[number % 4], PLACES[number // 4 % 4]
        organisation = ORGANISATIONS[(number + number // 4) % 4]
        text = f"{person}昨天在{place}参观了{organisation}，花了{number}00元。"
        entities: list[dict[str, object]] = []
        for name, type_ in ((person, "PER"), (place, "LOC"), (organisation, "ORG")):
            start = text.index(name)
            entities.append({"start": start, "end": start + len(name), "type": type_})
        records.append({"text": text, "entities": entities})
    return records


def write_data(data: Path, count: int = 24) -> Path:
    """Write a whole data folder; returns it."""
    records = sentences(count)
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    for name in {*(corpus.name for corpus in CORPORA), *DEV_SETS}:
        for split in ("train", "dev", "test", "extra_pd_msra_overlap"):
            _write(data / "ner" / name / f"{split}.jsonl.gz", lines)
    (data / "ner" / "TYPE_MAP.json").write_text(json.dumps({"_comment": "", "youku": {"LOC": None}}), encoding="utf-8")
    text = "".join(f"{record['text']}\n" for record in records) * 4
    for name in ("news", "encyclopedia", "news_heldout"):
        _write(data / "raw" / f"{name}.txt.gz", text)
    _write_lexicons(data / "lexicons")
    return data


def _write_lexicons(lexicons: Path) -> None:
    named = {
        "person_common_10k.txt": PERSONS,
        "person_japanese_18w.txt.gz": PERSONS,
        "dict_nrt_transliterated_person.txt": PERSONS,
        "loc_cn_areas.txt": PLACES,
        "loc_cn_cities.txt": PLACES,
        "loc_cn_streets_towns.txt.gz": PLACES,
        "org_company_short_28w.txt.gz": ORGANISATIONS,
        "org_cn_universities.txt": ORGANISATIONS,
        "dict_nt_org.txt": ORGANISATIONS,
        "zhwiki_titles_simplified.txt.gz": ORGANISATIONS,
    }
    named |= {
        "loc_cn_provinces.txt": PLACES,
        "loc_cn_historic_divisions.txt": PLACES,
        "person_ancient_25w.txt.gz": PERSONS,
        "surnames_wainshine.txt": ("张", "李"),
        "neg_chengyu_5w.txt.gz": ("一心一意",),
    }
    for name, entries in named.items():
        _write(lexicons / name, "".join(f"{entry}\n" for entry in entries))
    _write(lexicons / "person_thuocl_historical.tsv.gz", "".join(f"{entry}\t5\n" for entry in PERSONS))
    _write(lexicons / "loc_cn_short_names_l1_3.tsv", "".join(f"{entry}\t{entry}\t1\n" for entry in PLACES))
    _write(lexicons / "loc_countries_zh.tsv", "".join(f"{entry}\tXX\n" for entry in PLACES))
    for name, entries in {
        "per_trending_silver.tsv": PERSONS, "per_athletes_translit.tsv": PERSONS, "loc_foreign_cities.tsv": PLACES,
        "loc_railway_stations.tsv": PLACES, "loc_metro_stations.tsv": PLACES, "loc_scenic_5a.tsv": PLACES,
        "loc_scenic_places.tsv.gz": ("东岭公园", "南湖风景区"), "loc_thuocl_diming.tsv.gz": PLACES,
        "org_listed_companies_cn.tsv": ORGANISATIONS, "org_institutions_baike.tsv.gz": ORGANISATIONS,
        "org_hospitals.tsv": ORGANISATIONS, "org_sports_clubs.tsv": ORGANISATIONS,
        "neg_thuocl_finance_terms.tsv": ("股票",), "neg_thuocl_it_terms.tsv": ("网络",),
        "neg_thuocl_law_terms.tsv": ("合同",),
        "neg_thuocl_food.tsv": ("米饭",), "neg_thuocl_animal.tsv": ("老虎",), "neg_thuocl_medical.tsv": ("感冒",),
    }.items():  # fmt: skip
        _write(lexicons / name, "".join(f"{entry}\t3\n" for entry in entries))
    categories = (
        "internet and software", "sports clubs and teams", "media", "schools", "hospitals",
        "government and international bodies",
    )  # fmt: skip
    brands = [(f"{place}{number}", category, "") for number, category in enumerate(categories) for place in PLACES]
    brands.append(("青山", "finance", "place"))
    rows = (f"{name}\t{category}\t3\t{ambiguous}\n" for name, category, ambiguous in brands)
    _write(lexicons / "org_modern_brands_hand.tsv", "".join(rows))
    _write(lexicons / "org_tech_companies_db.tsv", "白河科技\tshort\t2\t\n")
    _write(lexicons / "surname_freq.csv", "surname,n.1930_2008\n张,30\n李,20\n")
    _write(lexicons / "givenname_char_freq.csv", "character,name.ppm\n明,30\n红,20\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        with gzip.open(path, "wt", encoding="utf-8") as file:
            file.write(text)
    else:
        path.write_text(text, encoding="utf-8")
