"""Read the configuration of a checkpoint: model family, dimensions of the encoder, tokenizer options.

Numbers are checked against bounds here and against the tensors later. `plugins` and other fields that name
code are used only to reject the checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from ner_runtime.errors import InvalidCheckpoint, UnsupportedCheckpoint
from ner_runtime.manifest import Geometry, Split, TokenizerKind
from ner_runtime.models.checkpoint.safe_files import read_json

Part = TypeVar("Part", bound=BaseModel)

SUPPORTED = (
    "supported are RaNER models of ModelScope, with a BERT or XLM-RoBERTa encoder and a CRF (`transformer-crf`), and "
    "exports of AdaSeq with a BERT encoder (`sequence-labeling-model`)"
)
_MODEL_TYPES = ("transformer-crf", "transformer-crf-for-word-segmentation")
_ADASEQ_TYPE = "sequence-labeling-model"
# Names of one and the same preprocessor. Others change the text, such as `thai-ner-tokenizer`, which separates words.
_PREPROCESSORS = ("ner-tokenizer", "token-cls-tokenizer", "sequence-labeling-tokenizer")
_FAMILIES = {
    "biaffine-ner-model": "a span model of AdaSeq (`biaffine-ner-model`)",
    "global-pointer-model": "a span model of AdaSeq (`global-pointer-model`)",
    "w2ner-model": "a span model of AdaSeq (`w2ner-model`)",
    "twostage-ner-model": "a span model of AdaSeq (`twostage-ner-model`)",
    "lstm-crf": "an LSTM-CRF",
    "lstm": "an LSTM",
    "veco": "a VECO model",
}
_UNIGRAM_PAD = 1


@dataclass(frozen=True, slots=True)
class Configuration:
    """The contents of the JSON files of a checkpoint, except the labels."""

    geometry: Geometry
    token_types: int
    layer_norm_eps: float
    lowercase: bool
    tokenizer: TokenizerKind = "wordpiece"
    split: Split = "characters"
    first_position: int = 0
    """Row of the position embeddings that the first token gets. XLM-RoBERTa does not use the rows before it."""
    adaseq: bool = False
    """Whether AdaSeq exported the checkpoint."""
    crf: bool = True
    """Whether the model has a CRF. Without one, the label with the highest logit is used."""
    lexicon_flags: int = 0
    """Number of lexicon flags per token; 0 if the model has no lexicon, like the published RaNER models."""
    lexicon_size: int = 0


class _Encoder(BaseModel):
    """The relevant fields of `config.json`. The bounds allow any real encoder and prevent excessive memory use."""

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


class _Bert(_Encoder):
    lexicon_flags: int = Field(default=0, ge=0, le=1024)
    lexicon_size: int = Field(default=0, ge=0, le=1024)


class _XlmRoberta(_Encoder):
    pad_token_id: Literal[1] = _UNIGRAM_PAD
    max_position_embeddings: int = Field(gt=_UNIGRAM_PAD + 3, le=8192)


class _BertTokenizer(BaseModel):
    do_lower_case: bool = True
    strip_accents: bool | None = None


class _XlmRobertaTokenizer(BaseModel):
    is_split_into_words: bool = False


class _Embedder(BaseModel):
    """The embedder of an AdaSeq model. Fields with one value are options that change the result otherwise."""

    type: Literal["transformer-embedder"] = "transformer-embedder"
    drop_special_tokens: Literal[True] = True
    sub_module: None = None
    scalar_mix: None = None
    sub_token_mode: Literal["first"] = "first"  # noqa: S105 - not a password


class _AdaSeqModel(BaseModel):
    embedder: _Embedder
    encoder: None = None
    use_crf: bool = True
    chunk: Literal[False] = False


class _AdaSeqPreprocessor(BaseModel):
    type: Literal["sequence-labeling-preprocessor"] = "sequence-labeling-preprocessor"
    is_word2vec: Literal[False] = False
    add_special_tokens: Literal[True] = True
    tokenizer_kwargs: None = None
    chunk_size: None = None
    return_original_view: None = None


class _AdaSeq(BaseModel):
    """The relevant fields of the `configuration.json` of AdaSeq."""

    model: _AdaSeqModel
    preprocessor: _AdaSeqPreprocessor = _AdaSeqPreprocessor()


def read_configuration(directory: Path) -> Configuration:
    """Read `configuration.json`, `config.json` and `tokenizer_config.json`.

    Raises:
        UnsupportedCheckpoint: the model belongs to another family, or uses options that are not supported.
        InvalidCheckpoint: a file is missing or damaged, or a number is out of bounds.
    """
    configuration = read_json(directory, "configuration.json") or {}
    adaseq = _is_adaseq(configuration)
    if not adaseq:
        _check_preprocessor(configuration)
    config = read_json(directory, "config.json")
    if config is None:
        raise InvalidCheckpoint(f"{directory} is not a checkpoint: it has no config.json")
    tokenizer = read_json(directory, "tokenizer_config.json") or {}
    family = config.get("model_type")
    if family == "bert":
        bert = _bert(config, tokenizer)
        return _adaseq(bert, configuration) if adaseq else bert
    if family == "xlm-roberta" and not adaseq:
        return _xlm_roberta(config, tokenizer)
    if family == "xlm-roberta":
        raise UnsupportedCheckpoint(f"this is an AdaSeq export with an XLM-RoBERTa encoder; {SUPPORTED}")
    raise UnsupportedCheckpoint(f"this is {_FAMILIES.get(str(family), f'a model of type {family!r}')}; {SUPPORTED}")


def _bert(config: Mapping[str, Any], tokenizer_config: Mapping[str, Any]) -> Configuration:
    bert = _validated(_Bert, config, "config.json")
    tokenizer = _validated(_BertTokenizer, tokenizer_config, "tokenizer_config.json")
    if tokenizer.strip_accents not in (None, tokenizer.do_lower_case):
        raise UnsupportedCheckpoint("a tokenizer with strip_accents different from do_lower_case is not supported")
    return Configuration(
        geometry=_geometry(bert, first_position=0),
        token_types=bert.type_vocab_size,
        layer_norm_eps=bert.layer_norm_eps,
        lowercase=tokenizer.do_lower_case,
        lexicon_flags=bert.lexicon_flags,
        lexicon_size=bert.lexicon_size if bert.lexicon_flags else 0,
    )


def _adaseq(bert: Configuration, configuration: Mapping[str, Any]) -> Configuration:
    options = _validated(_AdaSeq, configuration, "configuration.json")
    return replace(bert, adaseq=True, split="pieces", crf=options.model.use_crf)


def _xlm_roberta(config: Mapping[str, Any], tokenizer_config: Mapping[str, Any]) -> Configuration:
    roberta = _validated(_XlmRoberta, config, "config.json")
    tokenizer = _validated(_XlmRobertaTokenizer, tokenizer_config, "tokenizer_config.json")
    first_position = _UNIGRAM_PAD + 1
    return Configuration(
        geometry=_geometry(roberta, first_position),
        token_types=roberta.type_vocab_size,
        layer_norm_eps=roberta.layer_norm_eps,
        lowercase=False,
        tokenizer="unigram",
        split="characters" if tokenizer.is_split_into_words else "words",
        first_position=first_position,
    )


def _geometry(encoder: _Encoder, first_position: int) -> Geometry:
    if encoder.hidden_size % encoder.num_attention_heads:
        raise InvalidCheckpoint(
            f"config.json: hidden_size {encoder.hidden_size} is not divisible by {encoder.num_attention_heads} heads"
        )
    return Geometry(
        layers=encoder.num_hidden_layers,
        hidden=encoder.hidden_size,
        heads=encoder.num_attention_heads,
        intermediate=encoder.intermediate_size,
        vocab=encoder.vocab_size,
        positions=encoder.max_position_embeddings - first_position,
    )


def _is_adaseq(configuration: Mapping[str, Any]) -> bool:
    """Return whether AdaSeq exported the checkpoint.

    Raises:
        UnsupportedCheckpoint: the model has another type.
    """
    model = configuration.get("model")
    type_ = model.get("type") if isinstance(model, Mapping) else None
    if type_ == _ADASEQ_TYPE:
        return True
    if type_ is not None and type_ not in _MODEL_TYPES:
        raise UnsupportedCheckpoint(f"this is {_FAMILIES.get(str(type_), f'a model of type {type_!r}')}; {SUPPORTED}")
    if "adaseq" in str(configuration.get("plugins", "")).lower():
        raise UnsupportedCheckpoint(f"this is an AdaSeq export without the model type `{_ADASEQ_TYPE}`; {SUPPORTED}")
    return False


def _check_preprocessor(configuration: Mapping[str, Any]) -> None:
    preprocessor = configuration.get("preprocessor")
    type_ = preprocessor.get("type") if isinstance(preprocessor, Mapping) else None
    if type_ is not None and type_ not in _PREPROCESSORS:
        raise UnsupportedCheckpoint(f"this model has the preprocessor {type_!r}, which is not supported; {SUPPORTED}")


def _validated(model: type[Part], values: Mapping[str, Any], name: str) -> Part:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        message = f"{name}: {field}: {first['msg']}"
        if first["type"] in ("literal_error", "none_required"):
            raise UnsupportedCheckpoint(f"{message}; {SUPPORTED}") from None
        raise InvalidCheckpoint(message) from None
