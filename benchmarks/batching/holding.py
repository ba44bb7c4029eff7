"""The service with BentoML's unmodified dispatcher, which holds requests back to collect larger batches."""

from __future__ import annotations

import service


def _keep_dispatcher() -> None:
    """Do nothing: BentoML's dispatcher stays unmodified."""


service.dispatch_at_once = _keep_dispatcher

Raner = service.Raner
