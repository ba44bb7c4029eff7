"""Program of `test_store.py`: is killed while it writes into a staging directory."""

from __future__ import annotations

import os
import signal

from ner_runtime.models.registry.staging import temporary_directory

if __name__ == "__main__":
    with temporary_directory() as folder:
        (folder / "model.onnx").write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
