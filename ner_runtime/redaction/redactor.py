"""Redactor: find the entities of texts with a model, and replace them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ner_runtime.entities import selected
from ner_runtime.lexicon.user.lexicon import Lexicon
from ner_runtime.lexicon.user.matches import LexiconSet
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
        lexicon: Lexicon | LexiconSet | None = None,
    ) -> None:
        """Set what is replaced, and by what.

        Args:
            recognizer: finds the entities
            operators: the operator of each type; `DEFAULT` is for all others, and replaces by a placeholder unless it
                is given
            patterns: the patterns to look for
            key: key of the `hash` operators that have none of their own
            lexicon: names that are entities, or are not

        Raises:
            InvalidValue: a `hash` operator has no key.
            UnknownType: an operator is for a type that neither the model nor the lexicon has.
        """
        self._recognizer = recognizer
        self._operators = Operators(operators or {}, key)
        self._lexicons = LexiconSet([lexicon]) if isinstance(lexicon, Lexicon) else lexicon
        self._operators.check_types([*recognizer.types, *(self._lexicons.types if self._lexicons else ())])
        self._patterns = tuple(patterns)

    def redact(self, texts: Sequence[str], types: Iterable[str] | None = None) -> list[Redaction]:
        """Redact texts. Placeholders are numbered separately in each text.

        Args:
            texts: the texts
            types: the entity types to replace; None means the default types of the model, those with an operator, and
                all entities that the lexicon determines

        Raises:
            UnknownType: neither the model nor the lexicon has one of the types.
        """
        asked = types if types is not None else self._operators.types(self._recognizer.manifest.default_types)
        requested = self._recognizer.check_types(asked, self._lexicons)
        found = self._recognizer.recognize_detailed(texts, self._lexicons)
        return [
            redact_entities(
                text,
                selected(recognition.entities, requested, every_entry=types is None),
                self._operators,
                self._patterns,
            )
            for text, recognition in zip(texts, found, strict=True)
        ]
