"""Example sentences, what the embedded model finds in them, and how tests read a response."""

from __future__ import annotations

EXAMPLE = "阿里巴巴集团创始人马云在杭州出席了由中国人工智能学会主办的技术峰会。"
EXAMPLE_SPANS = [("ORG", 0, 6), ("PER", 9, 11), ("LOC", 12, 14), ("ORG", 18, 26)]

NEWS = [
    EXAMPLE,
    "北京时间周二上午，华为公司在深圳发布了新一代手机。",
    "外交部发言人王毅说，中国愿同法国加强合作。",
    "上海市人民政府昨天召开新闻发布会，副市长李明出席。",
    "据新华社报道，联合国秘书长古特雷斯将访问日本东京。",
    "清华大学教授张伟和北京大学的刘洋获得了这个奖项。",
    "这家公司的总部位于浙江省杭州市，创始人是陈建国。",
    "姚明曾效力于休斯敦火箭队，后来回到上海。",
    "昨晚，中国女排在巴黎以三比零战胜巴西队。",
    "小王说他下周要去成都看大熊猫。",
    "腾讯和百度都表示将继续加大投入。",
    "记者从四川省教育厅获悉，今年高考报名人数有所增加。",
]


def spans(entities: list[dict[str, object]]) -> list[tuple[object, ...]]:
    return [(entity["type"], entity["start_offset"], entity["end_offset"]) for entity in entities]
