"""The real service under BentoML's own arbiter, as after an upgrade in which replacing it has no effect."""

from __future__ import annotations

from ner_runtime.serving.lifecycle import supervisor
from ner_runtime.settings import Settings
from service import Raner


def keep_arbiter(_settings: Settings) -> None:
    """Replace nothing."""


supervisor.use_supervisor = keep_arbiter

__all__ = ["Raner"]
