"""Helpers for all long training steps: working folder, saved state, log, seeds, device.

A state is written to a temporary file and renamed, so that a killed run leaves the last complete state behind.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ner_runtime.atomic_files import write_atomically

WORK = Path(".work/training")


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state, made of tensors and plain values, to a file atomically."""
    buffer = BytesIO()
    torch.save(state, buffer)
    write_atomically(path, buffer.getvalue())


def load_state(path: Path) -> dict[str, Any] | None:
    """Read a state that `save_state` wrote; None if there is no file."""
    if not path.is_file():
        return None
    return torch.load(path, map_location="cpu", weights_only=True)


def seed_all(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def pick_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@dataclass
class Log:
    """A log in JSON Lines, one line per event. `time` is the time of the event, in seconds since 1970."""

    path: Path

    def write(self, **values: float | int | str | dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"time": round(time.time(), 1), **values}, ensure_ascii=False) + "\n")

    def read(self) -> list[dict[str, Any]]:
        if not self.path.is_file():
            return []
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]


def autocast(device: torch.device) -> torch.autocast:
    """Return a context that computes matrix products in bfloat16 if the processor supports it.

    Weights, norms and losses stay in float32. On a CPU without AVX-512 BF16 or AMX, bfloat16 would be emulated, which
    is twenty times slower than float32.
    """
    fast = device.type == "cuda" or "bf16" in _cpu_flags()
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


@cache
def _cpu_flags() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""
