"""Fill templates of everyday sentences with random names.

The templates cover texts that are rare in the corpora: chats, addresses, contracts, sums of money. `templates.txt` has
one template per line; `{ADDR}` is a gap for an address.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from pathlib import Path

from training.data.amounts import draw_amount
from training.data.corpora import DATA, TYPES, Sentence, Span, read_lexicon, read_lines
from training.data.names import Draw, Names, brands

_FILE = Path(__file__).parent / "templates.txt"
_GAP = re.compile(r"\{([A-Z]+)\}")

# The entity type of the text that fills each gap.
GAPS = {
    "PER": "PER", "STAR": "PER", "CASUAL": "PER", "BRAND": "ORG", "COMPANY": "ORG", "CLUB": "ORG", "MEDIA": "ORG",
    "SCHOOL": "ORG", "HOSPITAL": "ORG", "OFFICE": "ORG", "CITY": "LOC", "PLACE": "LOC", "COUNTRY": "LOC",
    "STATION": "LOC",
    "ADDR": "LOC", "TITLE": "TITLE", "DAY": "TIME", "MONEY": "MONEY",
}  # fmt: skip
_TITLES = (
    "总经理", "董事长", "总裁", "副总裁", "经理", "主任", "副主任", "院长", "校长", "教授", "副教授",
    "首席执行官", "首席财务官",
    "财务总监", "技术总监", "工程师", "合伙人", "局长", "处长", "秘书长", "会长", "CEO", "CFO", "总监", "主管",
)  # fmt: skip
_DAYS = (
    "明天", "后天", "昨天", "今天上午", "昨天晚上", "本周五", "下周一", "周三下午", "月底", "3月8日", "12月1日",
    "2024年5月6日",
    "2023年", "去年", "今年8月", "8月15日上午9时", "下午三点", "明年", "10月", "周末", "五一", "国庆节",
)  # fmt: skip
_ROADS = (
    "人民", "解放", "中山", "建设", "和平", "新华", "文化", "长江", "黄河", "学府", "科技", "滨河", "迎宾",
    "振兴", "朝阳", "光明", "青年",
    "体育", "北京", "南京", "上海", "淮海", "延安", "天府", "世纪", "金融", "友谊", "东风", "胜利", "幸福",
    "花园", "湖滨", "星光", "龙腾",
    "文一", "文二", "环城", "高新", "软件园", "创业", "工业", "民主", "康定", "复兴", "长安", "平安", "永安",
    "泰山", "珠江", "天河",
)  # fmt: skip
# How many surnames are used. The list begins with the most frequent ones.
_SURNAMES = 100
# Minimum length of the names of sights. Shorter ones are often ordinary words.
_SIGHT = 4
_ROAD_ENDS = (
    "路",
    "路",
    "路",
    "街",
    "大道",
    "大街",
    "东路",
    "西路",
    "南路",
    "北路",
    "中路",
    "三路",
    "二路",
    "巷",
    "弄",
)


def read_templates() -> list[str]:
    return [line for line in read_lines(_FILE) if line]


def fill(template: str, draws: dict[str, Draw], chance: random.Random) -> Sentence:
    """Fill each gap of a template with a random name."""
    text, spans, position = "", list[Span](), 0
    for gap in _GAP.finditer(template):
        text += template[position : gap.start()]
        name = draws[gap[1]](chance)
        spans.append(Span(len(text), len(text) + len(name), GAPS[gap[1]]))
        text += name
        position = gap.end()
    return Sentence(text + template[position:], tuple(spans), frozenset(TYPES))


def everyday(names: Names, number: int, data: Path = DATA, seed: int = 1) -> list[Sentence]:
    """Return `number` sentences made from random templates."""
    chance = random.Random(seed)
    templates, draws = read_templates(), gap_draws(names, data / "lexicons")
    return [fill(chance.choice(templates), draws, chance) for _ in range(number)]


def gap_draws(names: Names, lexicons: Path) -> dict[str, Draw]:
    """Return, for each kind of gap, a function that draws a text to fill it."""
    people = _people(names, lexicons)
    places = _places(lexicons)
    return {**people, **places, **_organisations(names, lexicons), **_others()}


def _people(names: Names, lexicons: Path) -> dict[str, Draw]:
    surnames = _read(lexicons, "surnames_wainshine.txt")[:_SURNAMES]
    full = _typed(names, "PER")

    def casual(chance: random.Random) -> str:
        surname = chance.choice(surnames)
        forms = (f"小{surname}", f"老{surname}", f"阿{surname}", f"{surname}总", f"{surname}姐", f"{surname}哥")
        return chance.choice((*forms, full(chance)))

    famous = _of(_read(lexicons, "per_trending_silver.tsv"), _read(lexicons, "per_athletes_translit.tsv"))
    return {"PER": full, "STAR": famous, "CASUAL": casual}


def _places(lexicons: Path) -> dict[str, Draw]:
    areas, cities = _read(lexicons, "loc_cn_areas.txt"), _read(lexicons, "loc_cn_cities.txt")
    short = _read(lexicons, "loc_cn_short_names_l1_3.tsv")
    stations, metro = _read(lexicons, "loc_railway_stations.tsv"), _read(lexicons, "loc_metro_stations.tsv")
    sights = [name for name in _read(lexicons, "loc_scenic_places.tsv.gz") if len(name) >= _SIGHT]

    def station(chance: random.Random) -> str:
        name = chance.choice(stations if chance.random() < 0.7 else metro)
        return name + ("站" if chance.random() < 0.9 else "地铁站")

    return {
        "CITY": _of(short, short, cities, _read(lexicons, "loc_foreign_cities.tsv")),
        "PLACE": _of(_read(lexicons, "loc_scenic_5a.tsv"), sights, areas),
        "COUNTRY": _of(_read(lexicons, "loc_countries_zh.tsv")),
        "STATION": station,
        "ADDR": _address(cities, areas, _read(lexicons, "loc_cn_streets_towns.txt.gz"), short),
    }


def _address(cities: list[str], areas: list[str], streets: list[str], names: list[str]) -> Draw:
    """Return a function that draws addresses. An address is one place, including its house number."""

    def draw(chance: random.Random) -> str:
        parts = [
            chance.choice(list_)
            for list_, share in ((cities, 0.7), (areas, 0.7), (streets, 0.25))
            if chance.random() < share
        ]
        parts.append(chance.choice(_ROADS) if chance.random() < 0.6 else chance.choice(names)[:4])
        parts.append(chance.choice(_ROAD_ENDS))
        if chance.random() < 0.85:
            lane = f"{chance.randint(1, 999)}弄{chance.randint(1, 99)}号"
            parts.append(f"{chance.randint(1, 1999)}号" if chance.random() < 0.9 else lane)
        return "".join(parts)

    return draw


def _organisations(names: Names, lexicons: Path) -> dict[str, Draw]:
    modern = brands(lexicons)
    return {
        "BRAND": _of(modern["brand"], modern["brand"], modern["any"]),
        "COMPANY": _typed(names, "ORG"),
        "CLUB": _of(modern["club"], _read(lexicons, "org_sports_clubs.tsv")),
        "MEDIA": _of(modern["media"]),
        "SCHOOL": _of(modern["school"], _read(lexicons, "org_cn_universities.txt")),
        "HOSPITAL": _of(modern["hospital"], _read(lexicons, "org_hospitals.tsv")),
        "OFFICE": _of(modern["office"]),
    }


def _others() -> dict[str, Draw]:
    return {"TITLE": _of(_TITLES), "DAY": _of(_DAYS), "MONEY": draw_amount}


def _read(lexicons: Path, file: str) -> list[str]:
    return read_lexicon(lexicons / file)


def _of(*lists: Sequence[str]) -> Draw:
    """Return a function that draws one of the lists, and then one of its names."""
    return lambda chance: chance.choice(chance.choice(lists))


def _typed(names: Names, type_: str) -> Draw:
    return lambda chance: names.draw(type_, chance) or "某某"
