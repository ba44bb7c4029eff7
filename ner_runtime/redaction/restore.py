"""Put the originals back into a redacted text, from the list of its replacements."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ner_runtime.errors import InvalidValue
from ner_runtime.redaction.placeholders import PLACEHOLDER
from ner_runtime.redaction.redaction import Replacement


def restore(redacted: str, replacements: Sequence[Replacement]) -> str:
    """Return the original text, exactly as it was.

    Args:
        redacted: the redacted text, unchanged
        replacements: its replacements, in any order

    Raises:
        InvalidValue: the replacements are not those of this text, or the text was changed.
    """
    parts: list[str] = []
    end = original_end = 0
    for one in sorted(replacements, key=lambda one: one.start):
        # An unchanged text is as long between two replacements as the original.
        unchanged = one.redacted_start - end == one.start - original_end >= 0
        if not unchanged or redacted[one.redacted_start : one.redacted_end] != one.replacement:
            raise InvalidValue("the replacements are not those of this text, or the text was changed")
        parts += redacted[end : one.redacted_start], one.span
        end, original_end = one.redacted_end, one.end
    return "".join([*parts, redacted[end:]])


def restore_placeholders(text: str, replacements: Sequence[Replacement]) -> str:
    """Return a text in which each placeholder of a list of replacements is replaced by its original.

    For a text that was made from a redacted one, such as the answer of a language model. Only placeholders such as
    `<PER_1>` are replaced; the results of `mask`, `hash`, `remove` and fixed values stay.
    """
    originals = {one.replacement: one.span for one in replacements if _is_placeholder(one)}
    return PLACEHOLDER.sub(lambda match: originals.get(match[0], match[0]), text)


def _is_placeholder(replacement: Replacement) -> bool:
    return replacement.operator == "replace" and bool(re.fullmatch(PLACEHOLDER, replacement.replacement))
