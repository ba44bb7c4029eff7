"""Malicious and damaged weights are rejected with one line, and no code in them is executed.

Each test runs `raner import`.
"""

from __future__ import annotations

import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ner_runtime.models.checkpoint.state_dict import read_state_dict
from tests.support.command import Raner

WEIGHTS = "pytorch_model.bin"


class RunsCode:
    """Creates a directory when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (str(self._marker),)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_code_in_a_pickle_is_not_executed(raner: Raner, victim: Path, tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "ran"
    (victim / WEIGHTS).write_bytes(pickle.dumps({"encoder.x": RunsCode(marker)}, protocol))
    pickle.loads((victim / WEIGHTS).read_bytes())  # noqa: S301 - our own
    assert marker.exists(), "the code runs if it is not prevented"
    marker.rmdir()
    assert "is damaged or contains something other than tensors; no code in it was executed" in raner.refusal(victim)
    assert not marker.exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_code_among_tensors_is_not_executed(raner: Raner, victim: Path, tmp_path: Path, zipped: bool) -> None:
    marker = tmp_path / "ran"
    state: dict[str, object] = dict(torch.load(victim / WEIGHTS, weights_only=True))
    torch.save({**state, "crf.x": RunsCode(marker)}, victim / WEIGHTS, _use_new_zipfile_serialization=zipped)
    torch.load(victim / WEIGHTS, weights_only=False)
    assert marker.exists(), "the code runs if it is not prevented"
    marker.rmdir()
    assert "no code in it was executed" in raner.refusal(victim)
    assert not marker.exists()


@pytest.mark.parametrize("kept", [0, 1, 100, 10_000, -1])
def test_truncated_weights(raner: Raner, victim: Path, kept: int) -> None:
    (victim / WEIGHTS).write_bytes((victim / WEIGHTS).read_bytes()[:kept])
    assert f"{WEIGHTS}" in raner.refusal(victim)


def test_zip_bomb_is_rejected(raner: Raner, victim: Path) -> None:
    with zipfile.ZipFile(victim / WEIGHTS, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("archive/data.pkl", bytes(64 * 2**20))
    assert (victim / WEIGHTS).stat().st_size < 100_000
    assert "would unpack to more than its own size" in raner.refusal(victim)


def test_tensors_larger_than_the_file(raner: Raner, victim: Path) -> None:
    state = torch.load(victim / WEIGHTS, weights_only=True)
    state["encoder.embeddings.word_embeddings.weight"] = torch.zeros(1).expand(100_000, 10_000)
    torch.save(state, victim / WEIGHTS)
    assert "declares tensors larger than the file" in raner.refusal(victim)


def test_tied_weights_count_once(tmp_path: Path) -> None:
    embeddings = torch.randn(1000, 8).half()
    torch.save({"embeddings": embeddings, "decoder": embeddings, "bias": torch.ones(1)}, tmp_path / WEIGHTS)
    assert (tmp_path / WEIGHTS).stat().st_size < 2 * embeddings.numel() * embeddings.element_size()
    tensors = read_state_dict(tmp_path)
    assert tensors["embeddings"] is tensors["decoder"]
    assert tensors["embeddings"].tolist() == embeddings.tolist()
    assert tensors["bias"].tolist() == [1]


@pytest.mark.parametrize(
    "without_numbers", [lambda tensor: tensor.to("meta"), lambda tensor: tensor.to_sparse()], ids=["meta", "sparse"]
)
def test_tensors_without_all_numbers(
    raner: Raner, victim: Path, without_numbers: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    state = torch.load(victim / WEIGHTS, weights_only=True)
    state["linear.weight"] = without_numbers(state["linear.weight"])
    torch.save(state, victim / WEIGHTS)
    assert raner.refusal(victim) == "raner: the weights are incomplete: linear.weight is missing"


def test_numbers_that_are_not_finite(raner: Raner, victim: Path) -> None:
    state = torch.load(victim / WEIGHTS, weights_only=True)
    state["linear.bias"][3] = float("nan")
    torch.save(state, victim / WEIGHTS)
    assert raner.refusal(victim) == "raner: linear.bias contains numbers that are not finite"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        struct.pack("<Q", 2**60) + b"{}",
        struct.pack("<Q", 2) + b"{",
        struct.pack("<Q", 8) + b"not json",
        struct.pack("<Q", 64) + b'{"a":{"dtype":"F32","shape":[9,9],"data_offsets":[0,999999999]}}',
        struct.pack("<Q", 100 * 2**20) + b" " * 100,
    ],
    ids=["empty", "endless header", "short header", "no JSON", "offsets out of the file", "large header"],
)
def test_safetensors_with_a_bad_header(raner: Raner, victim: Path, content: bytes) -> None:
    (victim / WEIGHTS).unlink()
    (victim / "model.safetensors").write_bytes(content)
    assert "model.safetensors" in raner.refusal(victim)
