"""Reading the configuration of a checkpoint, and rejecting unsupported families."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ner_runtime.errors import InvalidCheckpoint, UnsupportedCheckpoint
from ner_runtime.models.checkpoint.configuration import read_configuration
from tests.support.models.checkpoints import (
    BASE,
    TINY_XLM,
    write_adaseq,
    write_checkpoint,
    write_lstm,
    write_span_model,
)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return write_checkpoint(tmp_path / "checkpoint")


def change(checkpoint: Path, name: str, **values: Any) -> None:
    path = checkpoint / name
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_geometry_is_read_from_config_json(checkpoint: Path) -> None:
    configuration = read_configuration(checkpoint)
    geometry = configuration.geometry
    assert (geometry.layers, geometry.hidden, geometry.heads, geometry.positions) == (2, 64, 4, 512)
    assert configuration.layer_norm_eps == 1e-12
    assert configuration.lowercase


def test_geometry_of_the_published_base_models(checkpoint: Path) -> None:
    change(checkpoint, "config.json", num_hidden_layers=12, hidden_size=768, num_attention_heads=12, vocab_size=21128)
    assert read_configuration(checkpoint).geometry.vocab == BASE.vocab


@pytest.mark.parametrize("preprocessor", [None, "ner-tokenizer", "token-cls-tokenizer", "sequence-labeling-tokenizer"])
def test_any_preprocessor_name_is_accepted(tmp_path: Path, preprocessor: str | None) -> None:
    read_configuration(write_checkpoint(tmp_path, preprocessor=preprocessor))


@pytest.mark.parametrize("part", ["model", "preprocessor"])
def test_a_type_that_is_not_a_string_is_rejected(tmp_path: Path, part: str) -> None:
    checkpoint = write_checkpoint(tmp_path)
    change(checkpoint, "configuration.json", **{part: {"type": ["ner"]}})
    with pytest.raises(UnsupportedCheckpoint, match="ner"):
        read_configuration(checkpoint)


@pytest.mark.parametrize("preprocessor", ["thai-ner-tokenizer", "viet-ner-tokenizer"])
def test_preprocessors_that_change_the_text_are_rejected(tmp_path: Path, preprocessor: str) -> None:
    checkpoint = write_checkpoint(tmp_path, TINY_XLM, by_word=True, preprocessor=preprocessor)
    with pytest.raises(UnsupportedCheckpoint, match=f"this model has the preprocessor '{preprocessor}'"):
        read_configuration(checkpoint)


def test_a_cased_tokenizer(checkpoint: Path) -> None:
    change(checkpoint, "tokenizer_config.json", do_lower_case=False)
    assert not read_configuration(checkpoint).lowercase


def test_xlm_roberta_that_labels_code_points(tmp_path: Path) -> None:
    configuration = read_configuration(write_checkpoint(tmp_path, TINY_XLM))
    assert (configuration.tokenizer, configuration.split) == ("unigram", "characters")
    # The encoder has 514 rows of position embeddings; tokens use those after the row of padding.
    assert (configuration.first_position, configuration.geometry.positions) == (2, 512)
    assert configuration.token_types == 1


def test_xlm_roberta_without_is_split_into_words_labels_words(tmp_path: Path) -> None:
    assert read_configuration(write_checkpoint(tmp_path, TINY_XLM, by_word=True)).split == "words"


def test_xlm_roberta_with_another_padding_piece_is_rejected(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path, TINY_XLM)
    change(checkpoint, "config.json", pad_token_id=0)
    with pytest.raises(UnsupportedCheckpoint, match="pad_token_id"):
        read_configuration(checkpoint)


def test_configuration_json_and_tokenizer_config_json_may_be_missing(checkpoint: Path) -> None:
    (checkpoint / "configuration.json").unlink()
    (checkpoint / "tokenizer_config.json").unlink()
    assert read_configuration(checkpoint).lowercase


@pytest.mark.parametrize(
    ("write", "family"),
    [(write_span_model, "a span model of AdaSeq"), (write_lstm, "an LSTM-CRF")],
)
def test_unsupported_families_are_named(tmp_path: Path, write: Callable[[Path], Path], family: str) -> None:
    with pytest.raises(UnsupportedCheckpoint, match=f"this is {family}.*; supported are RaNER models") as raised:
        read_configuration(write(tmp_path))
    assert "\n" not in raised.value.message


def test_adaseq_export(tmp_path: Path) -> None:
    configuration = read_configuration(write_adaseq(tmp_path))
    assert (configuration.adaseq, configuration.split, configuration.crf) == (True, "pieces", True)
    assert not read_configuration(write_adaseq(tmp_path, crf=False)).crf


@pytest.mark.parametrize(
    ("option", "value"),
    [("scalar_mix", {"dropout": 0.1}), ("sub_token_mode", "avg"), ("drop_special_tokens", False)],
)
def test_options_of_adaseq_that_change_the_result_are_rejected(tmp_path: Path, option: str, value: object) -> None:
    with pytest.raises(UnsupportedCheckpoint, match=rf"model\.embedder\.{option}"):
        read_configuration(write_adaseq(tmp_path, embedder={option: value}))


def test_adaseq_export_with_a_recurrent_encoder_or_context_is_rejected(tmp_path: Path) -> None:
    checkpoint = write_adaseq(tmp_path)
    configuration = json.loads((checkpoint / "configuration.json").read_text())
    recurrent = configuration["model"] | {"encoder": {"type": "pytorch-seq2seq-wrapper"}}
    change(checkpoint, "configuration.json", model=recurrent)
    with pytest.raises(UnsupportedCheckpoint, match=r"model\.encoder"):
        read_configuration(checkpoint)
    change(checkpoint, "configuration.json", model=configuration["model"])
    change(checkpoint, "configuration.json", preprocessor=configuration["preprocessor"] | {"chunk_size": 128})
    with pytest.raises(UnsupportedCheckpoint, match=r"preprocessor\.chunk_size"):
        read_configuration(checkpoint)


def test_adaseq_export_of_an_xlm_roberta_is_rejected(tmp_path: Path) -> None:
    checkpoint = write_adaseq(tmp_path)
    change(checkpoint, "config.json", model_type="xlm-roberta")
    with pytest.raises(UnsupportedCheckpoint, match="this is an AdaSeq export with an XLM-RoBERTa encoder"):
        read_configuration(checkpoint)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("config.json", {"hidden_act": "relu"}, "hidden_act"),
        ("config.json", {"position_embedding_type": "relative_key"}, "position_embedding_type"),
        ("config.json", {"is_decoder": True}, "is_decoder"),
        ("config.json", {"model_type": "electra"}, "a model of type 'electra'"),
        ("tokenizer_config.json", {"strip_accents": False}, "strip_accents different from do_lower_case"),
    ],
)
def test_unsupported_options_are_rejected(checkpoint: Path, name: str, values: dict[str, object], message: str) -> None:
    change(checkpoint, name, **values)
    with pytest.raises(UnsupportedCheckpoint, match=message):
        read_configuration(checkpoint)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_hidden_layers": 0}, "num_hidden_layers"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers"),
        ({"hidden_size": "wide"}, "hidden_size"),
        ({"num_attention_heads": 5}, "64 is not divisible by 5 heads"),
        ({"vocab_size": 2**40}, "vocab_size"),
        ({"layer_norm_eps": -1}, "layer_norm_eps"),
    ],
)
def test_numbers_out_of_bounds_are_rejected(checkpoint: Path, values: dict[str, object], message: str) -> None:
    change(checkpoint, "config.json", **values)
    with pytest.raises(InvalidCheckpoint, match=message):
        read_configuration(checkpoint)


def test_config_json_is_required(tmp_path: Path) -> None:
    with pytest.raises(InvalidCheckpoint, match=r"no config\.json"):
        read_configuration(tmp_path)
