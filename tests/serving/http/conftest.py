from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.http.edge_service import Make, Service


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a service with the given settings."""
    for name in ("index.html", "docs.html", "app.css"):
        (tmp_path / name).write_text(name)
    return lambda **settings: Service(tmp_path, **settings)
