"""Read the configuration of a checkpoint: model family, dimensions of the encoder, tokenizer options.

Numbers are checked against bounds here and against the tensors later. `plugins` and other fields that name
code are used only to reject the checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from ner_runtime.errors import InvalidCheckpoint, UnsupportedCheckpoint
from ner_runtime.manifest import Geometry
from ner_runtime.models.checkpoint.safe_files import read_json

Part = TypeVar("Part", bound=BaseModel)

_SUPPORTED = "supported are RaNER models of ModelScope: a BERT encoder with a CRF (`transformer-crf`)"
_MODEL_TYPES = {"transformer-crf", "transformer-crf-for-word-segmentation"}
_FAMILIES = {
    "sequence-labeling-model": "an AdaSeq export, whose CRF also covers [CLS] and [SEP]",
    "lstm-crf": "an LSTM-CRF",
    "lstm": "an LSTM",
    "xlm-roberta": "an XLM-RoBERTa",
    "veco": "an XLM-RoBERTa",
}


@dataclass(frozen=True, slots=True)
class Configuration:
    """The contents of the JSON files of a checkpoint, except the labels."""

    geometry: Geometry
    token_types: int
    layer_norm_eps: float
    lowercase: bool
    lexicon_flags: int = 0
    """Number of lexicon flags per token; 0 if the model has no lexicon, like the published RaNER models."""
    lexicon_size: int = 0


class _Bert(BaseModel):
    """The relevant fields of `config.json`. The bounds allow any real BERT and prevent excessive memory use."""

    num_hidden_layers: int = Field(gt=0, le=64)
    hidden_size: int = Field(gt=0, le=8192)
    num_attention_heads: int = Field(gt=0, le=256)
    intermediate_size: int = Field(gt=0, le=32768)
    vocab_size: int = Field(gt=0, le=2**20)
    max_position_embeddings: int = Field(gt=2, le=8192)
    type_vocab_size: int = Field(default=2, gt=0, le=16)
    layer_norm_eps: float = Field(default=1e-12, gt=0, lt=1)
    hidden_act: Literal["gelu"] = "gelu"
    position_embedding_type: Literal["absolute"] = "absolute"
    is_decoder: Literal[False] = False
    lexicon_flags: int = Field(default=0, ge=0, le=1024)
    lexicon_size: int = Field(default=0, ge=0, le=1024)


class _Tokenizer(BaseModel):
    do_lower_case: bool = True
    strip_accents: bool | None = None


def read_configuration(directory: Path) -> Configuration:
    """Read `configuration.json`, `config.json` and `tokenizer_config.json`.

    Raises:
        UnsupportedCheckpoint: the model belongs to another family, or uses options that are not supported.
        InvalidCheckpoint: a file is missing or damaged, or a number is out of bounds.
    """
    _check_family(read_json(directory, "configuration.json") or {})
    config = read_json(directory, "config.json")
    if config is None:
        raise InvalidCheckpoint(f"{directory} is not a checkpoint: it has no config.json")
    family = config.get("model_type")
    if family != "bert":
        raise UnsupportedCheckpoint(
            f"this is {_FAMILIES.get(str(family), f'a model of type {family!r}')}; {_SUPPORTED}"
        )
    bert = _validated(_Bert, config, "config.json")
    tokenizer = _validated(_Tokenizer, read_json(directory, "tokenizer_config.json") or {}, "tokenizer_config.json")
    if bert.hidden_size % bert.num_attention_heads:
        raise InvalidCheckpoint(
            f"config.json: hidden_size {bert.hidden_size} is not divisible by {bert.num_attention_heads} heads"
        )
    if tokenizer.strip_accents not in (None, tokenizer.do_lower_case):
        raise UnsupportedCheckpoint("a tokenizer with strip_accents different from do_lower_case is not supported")
    geometry = Geometry(
        layers=bert.num_hidden_layers,
        hidden=bert.hidden_size,
        heads=bert.num_attention_heads,
        intermediate=bert.intermediate_size,
        vocab=bert.vocab_size,
        positions=bert.max_position_embeddings,
    )
    lexicon = (bert.lexicon_flags, bert.lexicon_size) if bert.lexicon_flags else (0, 0)
    return Configuration(geometry, bert.type_vocab_size, bert.layer_norm_eps, tokenizer.do_lower_case, *lexicon)


def _check_family(configuration: Mapping[str, Any]) -> None:
    model = configuration.get("model")
    type_ = model.get("type") if isinstance(model, Mapping) else None
    if "adaseq" in str(configuration.get("plugins", "")).lower():
        type_ = "sequence-labeling-model"
    if type_ is not None and type_ not in _MODEL_TYPES:
        raise UnsupportedCheckpoint(f"this is {_FAMILIES.get(str(type_), f'a model of type {type_!r}')}; {_SUPPORTED}")


def _validated(model: type[Part], values: Mapping[str, Any], name: str) -> Part:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        message = f"{name}: {field}: {first['msg']}"
        if first["type"] == "literal_error":
            raise UnsupportedCheckpoint(f"{message}; {_SUPPORTED}") from None
        raise InvalidCheckpoint(message) from None
