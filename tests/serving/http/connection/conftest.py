from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.support.http.echo_server import serve_echo


@pytest.fixture(scope="module")
def url() -> Generator[str]:
    with serve_echo() as url:
        yield url
