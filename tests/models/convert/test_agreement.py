"""Agreement is the entity F1 of one list of answers against another."""

import pytest

from ner_runtime.entities import Entity
from ner_runtime.models.convert.agreement import entity_f1

MA = Entity("PER", "马云", 0, 2, 0.9)
HANGZHOU = Entity("LOC", "杭州", 3, 5, 0.9)


def test_the_same_answers_agree_wholly_whatever_their_scores() -> None:
    assert entity_f1([[MA], [HANGZHOU]], [[MA], [Entity("LOC", "杭州", 3, 5, 0.2)]]) == 1


def test_one_of_two_found_is_two_thirds() -> None:
    assert entity_f1([[MA, HANGZHOU]], [[MA]]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("wrong", [Entity("ORG", "马云", 0, 2, 0.9), Entity("PER", "马", 0, 1, 0.9)])
def test_type_and_offsets_are_right_or_wrong_together(wrong: Entity) -> None:
    assert entity_f1([[MA]], [[wrong]]) == 0


def test_the_same_entity_in_another_text_is_another() -> None:
    assert entity_f1([[MA], []], [[], [MA]]) == 0


def test_nothing_found_on_either_side_agrees() -> None:
    assert entity_f1([[], []], [[], []]) == 1
