"""No library sends telemetry: that of ONNX Runtime is off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.servers.service import PATIENCE_S, environment

PROGRAM = """
from ner_runtime import Recognizer, embedded_model
Recognizer.open(embedded_model(), threads=1).recognize(["马云在杭州"])
"""


def test_onnx_runtime_creates_no_device_id(tmp_path: Path) -> None:
    # It creates its device id and the queue of its reports when it is imported, except in CI.
    variables = environment(HOME=str(tmp_path))
    for name in ("CI", "XDG_CACHE_HOME", "ORT_DISABLE_TELEMETRY"):
        variables.pop(name, None)
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=variables, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert list(tmp_path.rglob("*")) == []
