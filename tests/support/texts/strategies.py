"""Texts as people and machines really send them, for property tests."""

from hypothesis import strategies as st

SNIPPETS = [
    *("马云在杭州。", "中国人工智能学会", "阿里巴巴集团", " ", "　　", "，。！？", "…", "—"),
    *("👨‍👩‍👧‍👦", "🇨🇳", "👍🏽", "😀" * 3, "𠮷野家", "\U0010ffff"),
    *("e\u0301", "Å", "ﬁ", "Zürich", "한국어", "ｶﾞ", "１２３ＡＢＣ", "ا", "ไทย"),
    *("[SEP]", "[CLS]", "[UNK]", "##中"),
    *("\r\n", "\t", "\u00a0", "\u200b", "\u200d", "\ufe0f", "\u3000", "\u202e", "\ufeff"),
    *("\x00", "\x1b[31m", "\x7f", "\ud800", "\udfff"),
    *("<script>alert(1)</script>", "'; DROP TABLE", "https://a.b/c?d=e"),
]

any_text = st.text(st.characters(), max_size=80)
"""Any code points at all, lone surrogates included."""

real_text = st.lists(st.sampled_from(SNIPPETS) | any_text, max_size=12).map("".join)
