"""The service on an unmodified BentoML, with its own endpoint, dispatcher and middleware."""

from __future__ import annotations

from starlette.types import ASGIApp

import service


def _keep(app: ASGIApp) -> ASGIApp:
    return app


service.use_short_request_path = lambda: None
service.shorten_request_path = _keep

Raner = service.Raner
