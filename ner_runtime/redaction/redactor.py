"""Redactor: find the entities of texts with a model, and replace them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ner_runtime.recognizer import Recognizer
from ner_runtime.redaction.operators import Operator, Operators
from ner_runtime.redaction.patterns import PATTERN_NAMES, PatternName
from ner_runtime.redaction.redaction import Redaction, redact_entities


class Redactor:
    """Redacts texts with a model and patterns. Safe to use from several threads."""

    def __init__(
        self,
        recognizer: Recognizer,
        operators: Mapping[str, Operator] | None = None,
        patterns: Sequence[PatternName] = PATTERN_NAMES,
        *,
        key: str | None = None,
    ) -> None:
        """Set what is replaced, and by what.

        Args:
            recognizer: finds the entities
            operators: the operator of each type; `DEFAULT` is for all others, and replaces by a placeholder unless it
                is given
            patterns: the patterns to look for
            key: key of the `hash` operators that have none of their own

        Raises:
            InvalidValue: a `hash` operator has no key.
            UnknownType: an operator is for a type that the model does not have.
        """
        self._recognizer = recognizer
        self._operators = Operators(operators or {}, key)
        self._operators.check_types(recognizer.types)
        self._patterns = tuple(patterns)

    def redact(self, texts: Sequence[str], types: Iterable[str] | None = None) -> list[Redaction]:
        """Redact texts. Placeholders are numbered in each text by itself.

        Args:
            texts: the texts
            types: the entity types to replace; None means the default types of the model, and those with an operator

        Raises:
            UnknownType: the model does not have one of the types.
        """
        requested = types if types is not None else self._operators.types(self._recognizer.manifest.default_types)
        found = self._recognizer.recognize(texts, requested)
        return [
            redact_entities(text, entities, self._operators, self._patterns)
            for text, entities in zip(texts, found, strict=True)
        ]
