"""The service on an unmodified BentoML, with its own endpoint, dispatcher and middleware."""

from __future__ import annotations

import service


def _keep(*_application: object) -> None:
    """Do nothing: BentoML stays unmodified."""


service.use_short_request_path = _keep
service.shorten_request_path = _keep

Raner = service.Raner
