from typing import Any

from loadtest.targets import Target, targets


def models(*names: str) -> dict[str, Any]:
    return {"models": [{"id": name, "default_types": ["PER", "ORG"]} for name in names]}


def test_the_only_model_needs_no_field() -> None:
    assert targets(models("default")) == [Target({}, ("PER", "ORG"))]


def test_several_models_are_selected_by_their_names() -> None:
    assert [target.fields for target in targets(models("news", "resume"))] == [{"model": "news"}, {"model": "resume"}]
