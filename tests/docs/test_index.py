"""docs/README.md links every page of the folder."""

from __future__ import annotations

import re

from tests.support.servers.service import REPOSITORY

DOCS = REPOSITORY / "docs"


def test_the_index_links_every_page() -> None:
    linked = set(re.findall(r"\]\(([\w.-]+\.md)\)", (DOCS / "README.md").read_text(encoding="utf-8")))
    assert {page.name for page in DOCS.glob("*.md")} - {"README.md"} <= linked
