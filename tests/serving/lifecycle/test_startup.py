"""Startup: every configured model is checked before the workers start."""

from __future__ import annotations

import pytest

from ner_runtime.serving.lifecycle.startup import check_or_exit
from ner_runtime.settings import Settings


def test_the_configured_models_are_checked() -> None:
    check_or_exit(Settings(models=(("news", "embedded"), ("resume", "embedded"))))


def test_a_missing_model_is_named() -> None:
    with pytest.raises(SystemExit, match=r"^raner: RANER_MODELS: resume: model /no/such is not a directory"):
        check_or_exit(Settings(models=(("news", "embedded"), ("resume", "/no/such"))))
    with pytest.raises(SystemExit, match=r"^raner: model /no/such is not a directory"):
        check_or_exit(Settings(model="/no/such"))
