"""`make sbom` lists exactly the locked packages of the image."""

from __future__ import annotations

import json
import re
import subprocess

from tests.support.servers.service import PATIENCE_S, REPOSITORY


def test_the_bill_of_materials_lists_the_locked_packages() -> None:
    # --old-file: the environment exists.
    command = ["make", "--old-file", ".venv/dev", "sbom"]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=PATIENCE_S)
    assert run.returncode == 0, run.stderr
    bill = json.loads((REPOSITORY / "build/sbom.json").read_text(encoding="utf-8"))
    lock = (REPOSITORY / "requirements/serve.txt").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([^ ;\\\n]+)", lock, re.MULTILINE))
    assert bill["bomFormat"] == "CycloneDX"
    assert {one["name"]: one["version"] for one in bill["components"]} == locked
