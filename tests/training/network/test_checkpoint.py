"""A checkpoint directory has the published layout and contains the tagger."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel

from training.data.corpora import Sentence
from training.data.tagset import Tagset
from training.data.vocabulary import Vocabulary, build
from training.examples.batches import collate, encode
from training.network.checkpoint import read_checkpoint, write_checkpoint
from training.network.crf import FORBIDDEN
from training.network.encoder import Geometry
from training.network.tagger import Tagger

TAGSET = Tagset(("PER", "LOC"))
TEXT = "马云在杭州。"


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return build([TEXT], 220)


@pytest.fixture(scope="module")
def tagger(vocabulary: Vocabulary) -> Tagger:
    torch.manual_seed(0)
    geometry = Geometry(
        len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    tagger = Tagger(geometry, TAGSET).eval()
    torch.nn.init.normal_(tagger.crf.transitions)
    return tagger


@pytest.fixture
def folder(tmp_path: Path, tagger: Tagger, vocabulary: Vocabulary) -> Path:
    write_checkpoint(tmp_path, tagger, vocabulary)
    return tmp_path


def test_files_and_labels(folder: Path) -> None:
    names = {"configuration.json", "config.json", "pytorch_model.bin", "vocab.txt", "tokenizer_config.json"}
    assert {path.name for path in folder.iterdir()} == names
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["model_type"] == "bert"
    assert config["id2label"]["0"] == "O"
    assert config["label2id"] == {label: int(number) for number, label in config["id2label"].items()}
    assert "preprocessor" not in json.loads((folder / "configuration.json").read_text(encoding="utf-8"))


def test_state_has_the_published_keys(folder: Path) -> None:
    state = torch.load(folder / "pytorch_model.bin", weights_only=True)
    config = BertConfig(**json.loads((folder / "config.json").read_text(encoding="utf-8")))
    bert = BertModel(config)
    own = {name.removeprefix("encoder."): tensor for name, tensor in state.items() if name.startswith("encoder.")}
    own.pop("embeddings.position_ids")
    assert {name: tensor.shape for name, tensor in own.items()} == {
        name: tensor.shape for name, tensor in bert.state_dict().items()
    }
    others = {name for name in state if not name.startswith("encoder.")}
    assert others == {
        "linear.weight", "linear.bias", "crf.start_transitions", "crf.end_transitions", "crf.transitions",
    }  # fmt: skip


def test_forbidden_transitions_have_a_large_negative_score(folder: Path) -> None:
    transitions = torch.load(folder / "pytorch_model.bin", weights_only=True)["crf.transitions"]
    assert transitions[0, TAGSET.label("I", "PER")] == FORBIDDEN
    assert transitions[TAGSET.label("B", "PER"), TAGSET.label("E", "PER")] > FORBIDDEN / 2


def test_a_checkpoint_is_read_as_the_same_tagger(folder: Path, tagger: Tagger, vocabulary: Vocabulary) -> None:
    again, same_vocabulary = read_checkpoint(folder)
    assert same_vocabulary.pieces == vocabulary.pieces
    assert again.tagset == TAGSET
    batch = collate([encode(Sentence(TEXT, (), frozenset()), vocabulary, TAGSET)])
    torch.testing.assert_close(again(batch), tagger(batch))
    assert again.paths(batch) == tagger.paths(batch)
