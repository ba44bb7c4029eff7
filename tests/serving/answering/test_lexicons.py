"""Which lexicons apply to a request."""

from __future__ import annotations

import pytest

from ner_runtime import Entry, InvalidValue, Lexicon
from ner_runtime.serving.answering.lexicons import Lexicons
from ner_runtime.serving.api.errors import UnknownLexicon
from ner_runtime.serving.api.requests import InlineLexicon, LexiconEntry, NerRequest

pytestmark = pytest.mark.anyio

EVENTS, FIRMS = Lexicon.from_entries([Entry("开会", "EVENT")]), Lexicon.from_entries([Entry("公司", "FIRM")])


@pytest.fixture
def lexicons() -> Lexicons:
    """Two named lexicons; `events` is the default."""
    lexicons = Lexicons(default=["events"])
    lexicons.named = {"events": EVENTS, "firms": FIRMS}
    return lexicons


async def applied(lexicons: Lexicons, named: list[str] | None, *, use_default: bool = True) -> list[Lexicon]:
    found = await lexicons.of(NerRequest(text="公司开会", lexicons=named), use_default=use_default)
    return list(found.lexicons) if found else []


async def test_the_default_lexicons_apply_to_a_request_that_names_none(lexicons: Lexicons) -> None:
    assert await applied(lexicons, None) == [EVENTS]
    assert await applied(lexicons, ["firms"]) == [FIRMS]
    assert await applied(lexicons, []) == []


async def test_a_model_that_refuses_lexicons_gets_those_only_that_the_request_names(lexicons: Lexicons) -> None:
    assert await applied(lexicons, None, use_default=False) == []
    # The request is then refused by the model.
    assert await applied(lexicons, ["firms"], use_default=False) == [FIRMS]


async def test_an_unknown_lexicon_is_refused_with_the_names(lexicons: Lexicons) -> None:
    with pytest.raises(UnknownLexicon, match="'brands'; the lexicons of this service are: events, firms"):
        await applied(lexicons, ["brands"])


async def test_the_number_of_entries_with_the_same_text_is_limited(lexicons: Lexicons) -> None:
    texts = ["的", "Ａ", "a"]
    for types in (4, 5):
        entries = [LexiconEntry(text=text, type=f"T{number}") for text in texts for number in range(types)]
        request = NerRequest(text="的", lexicon=InlineLexicon(hint=entries))
        if types == 4:
            assert await lexicons.of(request)
            continue
        with pytest.raises(InvalidValue, match=r"^lexicon: 10 entries have the same text; the limit is 8$"):
            await lexicons.of(request)
