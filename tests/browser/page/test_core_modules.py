"""The page's modules without a DOM, tested in Node: `web/tests`."""

from __future__ import annotations

import shutil
import subprocess

from tests.browser.conftest import REPOSITORY, missing


def test_the_core_modules_pass_their_node_tests() -> None:
    node = shutil.which("node")
    if node is None:
        missing("node")
    finished = subprocess.run([node, "--test", "tests/"], cwd=REPOSITORY / "web", capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout[-4000:]
