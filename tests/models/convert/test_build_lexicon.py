"""A model that declares a lexicon brings it along, and reads it together with the text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ner_runtime import Recognizer
from ner_runtime.errors import InvalidModel, UnsupportedCheckpoint
from ner_runtime.lexicon import LEXICON_FILES, TRIE_FILE
from ner_runtime.lexicon.features import FLAGS
from ner_runtime.lexicon.files import write_matcher
from ner_runtime.lexicon.folding import base_table
from ner_runtime.lexicon.matcher import Matcher
from ner_runtime.manifest import Manifest
from ner_runtime.models.convert.build import build_model_directory
from tests.support.models.checkpoints import NEWS, bio, write_checkpoint

KINDS = ("place", "organisation")
SIZE = 8


def write_lexicon(folder: Path, entries: dict[str, int]) -> Path:
    folder.mkdir()
    write_matcher(folder, Matcher.build(entries, base_table()), KINDS)
    return folder


def write_checkpoint_with_lexicon(folder: Path) -> Path:
    """A checkpoint as the recipe of the embedded model writes it."""
    write_checkpoint(folder, labels=bio(NEWS), hidden=64)
    state = torch.load(folder / "pytorch_model.bin", weights_only=True)
    generator = torch.Generator().manual_seed(3)
    for name, shape in {"inner.weight": (SIZE, FLAGS), "inner.bias": (SIZE,), "outer.weight": (64, SIZE)}.items():
        state[f"encoder.embeddings.lexicon.{name}"] = torch.randn(shape, generator=generator)
    torch.save(state, folder / "pytorch_model.bin")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"lexicon_flags": FLAGS, "lexicon_size": SIZE}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def with_lexicon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint_with_lexicon(tmp_path_factory.mktemp("lexicon") / "checkpoint")


def build(checkpoint: Path, folder: Path, entries: dict[str, int]) -> tuple[Path, Manifest]:
    lexicon = write_lexicon(folder / "lexicon", entries)
    return folder / "model", build_model_directory(checkpoint, folder / "model", "tiny", "fp32", lexicon=lexicon)


def test_the_directory_declares_and_holds_the_lexicon(with_lexicon: Path, tmp_path: Path) -> None:
    model, manifest = build(with_lexicon, tmp_path, {"北京": 1})
    assert manifest.lexicon_kinds == KINDS
    assert set(LEXICON_FILES) <= set(manifest.files)
    assert Recognizer.open(model).manifest == manifest


def test_another_lexicon_is_another_version_with_other_answers(with_lexicon: Path, tmp_path: Path) -> None:
    text = "我在北京大学读书，他在上海工作。"
    versions, scores = set[str](), set[str]()
    for number, entries in enumerate([{"北京": 1}, {"北京大学": 2, "上海": 1}]):
        (tmp_path / str(number)).mkdir()
        model, manifest = build(with_lexicon, tmp_path / str(number), entries)
        versions.add(manifest.version)
        scores.add(str(Recognizer.open(model).recognize([text])))
    assert len(versions) == len(scores) == 2


def test_neighbours_in_a_batch_change_nothing(with_lexicon: Path, tmp_path: Path) -> None:
    model, _ = build(with_lexicon, tmp_path, {"北京": 1, "上海": 1, "大学": 2})
    recognizer = Recognizer.open(model)
    texts = ["在北京", "上海的大学比北京的大学多一些，这是一句长一点的话。", "没有", ""]
    together, alone = recognizer.recognize(texts), [recognizer.recognize([text])[0] for text in texts]
    assert [[(e.type, e.start, e.end) for e in each] for each in together] == [
        [(e.type, e.start, e.end) for e in each] for each in alone
    ]


@pytest.mark.parametrize("window", [16, 40])
def test_flags_do_not_depend_on_windows(with_lexicon: Path, tmp_path: Path, window: int) -> None:
    model, _ = build(with_lexicon, tmp_path, {"北京": 1, "北京大学第三医院": 2})
    text = "他在北京大学第三医院工作" * 6
    [whole] = Recognizer.open(model).encode(text).encoded
    cut = Recognizer.open(model, window=window).encode(text)
    assert len(cut.windows) > 1
    assert whole.flags is not None
    for part, encoded in zip(cut.windows, cut.encoded, strict=True):
        np.testing.assert_array_equal(encoded.flags, whole.flags[part.start : part.end])


def test_every_engine_reads_the_lexicon(with_lexicon: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    model, _ = build(with_lexicon, tmp_path, {"北京": 1, "大学": 2})
    texts = ["他在北京大学读书", "上海"]
    found = [Recognizer.open(model, engine=engine).recognize(texts) for engine in ("onnxruntime", "openvino")]
    places = [[[(e.type, e.start, e.end) for e in each] for each in answers] for answers in found]
    assert places[0] == places[1]


def test_a_missing_lexicon_is_an_error(with_lexicon: Path, tmp_path: Path) -> None:
    model, _ = build(with_lexicon, tmp_path, {"北京": 1})
    (model / TRIE_FILE).unlink()
    with pytest.raises(InvalidModel, match=f"{TRIE_FILE} is missing"):
        Recognizer.open(model)


def test_a_checkpoint_with_a_lexicon_is_not_imported_without_it(with_lexicon: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedCheckpoint, match="lexicon that it was trained with"):
        build_model_directory(with_lexicon, tmp_path / "model", "tiny")
