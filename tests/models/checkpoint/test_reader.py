"""Malicious, damaged and unsupported checkpoints are rejected with one line, and nothing is left in the store.

Each test runs `raner import`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Raner
from tests.support.models.checkpoints import TINY_XLM, write_adaseq, write_checkpoint, write_lstm, write_span_model

WEIGHTS = "pytorch_model.bin"
GIB = 2**30


def change(directory: Path, name: str, **fields: Any) -> None:
    path = directory / name
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.mark.parametrize("name", [WEIGHTS, "vocab.txt", "config.json", "configuration.json"])
def test_link_out_of_the_directory_is_rejected(raner: Raner, victim: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_bytes((victim / name).read_bytes())
    (victim / name).unlink()
    (victim / name).symlink_to("../secret")
    assert raner.refusal(victim) == f"raner: {victim / name} is a link out of its directory"


def test_named_pipe_is_rejected(raner: Raner, victim: Path) -> None:
    (victim / "config.json").unlink()
    os.mkfifo(victim / "config.json")
    assert raner.refusal(victim) == f"raner: {victim / 'config.json'} is not a regular file"


@pytest.mark.parametrize("name", ["config.json", "configuration.json", "tokenizer_config.json"])
def test_truncated_json(raner: Raner, victim: Path, name: str) -> None:
    (victim / name).write_bytes((victim / name).read_bytes()[:-3])
    assert raner.refusal(victim) == f"raner: {victim / name} is not JSON"


@pytest.mark.parametrize("content", ["[" * 100_000, "[]", '"bert"', "1" * 100_000, "\ud83d".encode("utf-8", "replace")])
def test_json_that_is_not_a_configuration(raner: Raner, victim: Path, content: str | bytes) -> None:
    (victim / "config.json").write_bytes(content.encode() if isinstance(content, str) else content)
    assert "is not JSON" in raner.refusal(victim) or "is not a JSON object" in raner.refusal(victim)


def test_file_of_10_gb_is_rejected(raner: Raner, victim: Path) -> None:
    for name in ("config.json", "vocab.txt"):
        (victim / f"{name}.kept").write_bytes((victim / name).read_bytes())
        with (victim / name).open("r+b") as file:
            file.truncate(10 * GIB)  # sparse: it takes no space
        line = raner.refusal(victim)
        assert name in line
        assert "MiB" in line or "allowed" in line
        (victim / f"{name}.kept").rename(victim / name)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"vocab_size": 2**31, "hidden_size": 4096}, "vocab_size"),
        ({"vocab_size": 2**20, "hidden_size": 8192}, "config.json"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers"),
        ({"num_hidden_layers": 64}, "is missing"),
        ({"hidden_size": 63}, "63 is not divisible by 4 heads"),
        ({"hidden_size": 1e308}, "hidden_size"),
        ({"layer_norm_eps": -1}, "layer_norm_eps"),
        ({"max_position_embeddings": 1 << 40}, "max_position_embeddings"),
        ({"hidden_act": "__import__('os').system('true')"}, "hidden_act"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type"),
    ],
)
def test_configuration_that_contradicts_the_weights(
    raner: Raner, victim: Path, fields: dict[str, Any], named: str
) -> None:
    change(victim, "config.json", **fields)
    assert named in raner.refusal(victim)


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"O": 0, "B-PER": 2},
        {"O": 0, "B-PER": 1e999},
        {"O": 0, "B-PER": "one"},
        {"O": 0, "B-PER": None},
        {"O": 0, "B-": 1},
        {"O": 0, "B-\x1b[2J": 1},
        {"O": 0, "B-\ud800": 1},
        {"O": 0, "B-A\nB": 1},
        {str(number): number for number in range(2000)},
        {"LABEL_0": 0, "LABEL_1": 1},
    ],
    ids=repr,
)
def test_invalid_labels(raner: Raner, victim: Path, labels: dict[str, Any]) -> None:
    (victim / "label_mapping.json").write_text(json.dumps(labels))
    assert "label" in raner.refusal(victim)


@pytest.mark.parametrize("content", [b"", b"[PAD]\n[UNK]\n", b"\xff\xfe\n" * 10, b"x\n" * 100_000])
def test_invalid_vocabulary(raner: Raner, victim: Path, content: bytes) -> None:
    (victim / "vocab.txt").write_bytes(content)
    assert "vocab.txt" in raner.refusal(victim)


@pytest.mark.parametrize("content", [b"", b"\n\x0e\n\x05<unk>", b"\xff\xfe\n" * 10], ids=["empty", "short", "damaged"])
def test_invalid_unigram_vocabulary(raner: Raner, tmp_path: Path, content: bytes) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint", TINY_XLM)
    (checkpoint / "sentencepiece.bpe.model").write_bytes(content)
    assert "sentencepiece.bpe.model" in raner.refusal(checkpoint)


def test_unigram_vocabulary_that_is_larger_than_the_embeddings(raner: Raner, tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint", TINY_XLM, vocab=2000)
    assert "2501 pieces, but the embeddings only 2000" in raner.refusal(checkpoint)


def test_unigram_vocabulary_is_required_for_an_xlm_roberta(raner: Raner, tmp_path: Path, checkpoint: Path) -> None:
    xlm = write_checkpoint(tmp_path / "checkpoint", TINY_XLM)
    (xlm / "sentencepiece.bpe.model").rename(xlm / "vocab.txt")
    assert "has no sentencepiece.bpe.model" in raner.refusal(xlm)


@pytest.mark.parametrize("name", [WEIGHTS, "vocab.txt", "config.json"])
def test_missing_file_is_named(raner: Raner, victim: Path, name: str) -> None:
    (victim / name).unlink()
    assert name in raner.refusal(victim)


@pytest.mark.parametrize(
    ("write", "family"),
    [(write_span_model, "a span model of AdaSeq"), (write_lstm, "an LSTM-CRF")],
)
def test_unsupported_families_are_named(
    raner: Raner, tmp_path: Path, write: Callable[[Path], Path], family: str
) -> None:
    line = raner.refusal(write(tmp_path / "other"))
    assert line.startswith(f"raner: this is {family}")
    assert "supported are RaNER models of ModelScope" in line


def test_family_is_recognized_from_the_weights(raner: Raner, tmp_path: Path, victim: Path) -> None:
    (victim / WEIGHTS).write_bytes((write_adaseq(tmp_path / "adaseq") / WEIGHTS).read_bytes())
    assert "these are the weights of an AdaSeq export, but configuration.json" in raner.refusal(victim)
