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


async def test_compiled_lexicons_are_kept_within_a_limit_of_memory() -> None:
    lexicons = Lexicons(max_kept_bytes=50_000)

    async def compiled(text: str) -> Lexicon:
        entry = LexiconEntry(text=text, type="X")
        found = await lexicons.of(NerRequest(text="公司", lexicon=InlineLexicon(prefer=[entry])))
        assert found
        return found.lexicons[0]

    first = await compiled("公司")
    for number in range(8):
        await compiled(f"公司{number}")
    assert await compiled("公司") is first
    # Each byte of an entry takes memory: an entry of 100 characters counts as much as two of a few characters.
    for number in range(8):
        await compiled(f"{'长' * 99}{number}")
    assert await compiled("公司") is not first
