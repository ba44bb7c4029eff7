"""The service with BentoML's dispatcher as it is: it holds requests back to collect larger batches."""

from __future__ import annotations

import service


def _keep_dispatcher() -> None:
    """Leave the dispatcher as it is."""


service.dispatch_at_once = _keep_dispatcher

Raner = service.Raner
