"""Sample: Chinese sentences of our own making."""


def sample_sentences(count: int = 600) -> list[str]:
    names = "王小明 李雪梅 张志远 陈建国 欧阳静 赵一凡 刘德海 周雨桐".split()
    places = "北京 上海 杭州西湖 成都市武侯区 新疆 黑龙江 广东省 西安".split()
    orgs = "中国科学院 华东机械厂 清河大学 市人民医院 天元科技有限公司 省教育厅".split()
    T = [
        "{p}昨天在{l}会见了{o}的代表。",
        "{o}将于2024年5月12日在{l}举行第3届年会，{p}出席。",
        "{p}：“我从{l}来，在{o}工作了12年！”",
        "今天天气很好，我们去{l}玩吧",
        "{l}的GDP增长了6.5%，{o}表示满意；{p}没有回应。",
    ]
    import random

    r = random.Random(0)
    return [r.choice(T).format(p=r.choice(names), l=r.choice(places), o=r.choice(orgs)) for _ in range(count)]
