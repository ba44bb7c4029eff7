"""The agreement of two models is an entity F1."""

import pytest

from ner_runtime.entities import Entity
from ner_runtime.models.convert.agreement import entity_f1

MA = Entity("PER", "马云", 0, 2, 0.9)
HANGZHOU = Entity("LOC", "杭州", 3, 5, 0.9)


def test_scores_of_entities_do_not_matter() -> None:
    assert entity_f1([[MA], [HANGZHOU]], [[MA], [Entity("LOC", "杭州", 3, 5, 0.2)]]) == 1


def test_one_of_two_entities() -> None:
    assert entity_f1([[MA, HANGZHOU]], [[MA]]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("wrong", [Entity("ORG", "马云", 0, 2, 0.9), Entity("PER", "马", 0, 1, 0.9)])
def test_wrong_type_or_offset_is_wrong(wrong: Entity) -> None:
    assert entity_f1([[MA]], [[wrong]]) == 0


def test_entities_are_compared_text_by_text() -> None:
    assert entity_f1([[MA], []], [[], [MA]]) == 0


def test_no_entities_at_all_agree() -> None:
    assert entity_f1([[], []], [[], []]) == 1
