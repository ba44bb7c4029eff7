"""Read a RaNER checkpoint, as published by ModelScope, safely and in any of its layouts.

    configuration.json   from ModelScope: framework, task, model type; sometimes the labels
    config.json          from Hugging Face: dimensions of the encoder; usually the labels
    label_mapping.json   the labels, in some checkpoints
    vocab.txt            of a BERT model, or
    sentencepiece.bpe.model   of an XLM-RoBERTa model
    tokenizer_config.json
    pytorch_model.bin or model.safetensors

Supported tensor names are those of 2022 (`encoder.*`, `linear.*`, `crf.*`), those of newer versions of
`save_pretrained` (`head.linear.*`, `head.crf.*`), those of AdaSeq (`embedder.transformer_model.*`), old LayerNorm names
(`gamma`, `beta`), and names with the prefix `module.` of a wrapped model. No code in the directory is executed, no file
is changed, and every number of the configuration is checked against the tensors.

Source: ModelScope 1.40.2, `modelscope/utils/hub.py` (labels), `modelscope/utils/checkpoint.py` (names).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ner_runtime.errors import InvalidCheckpoint, InvalidModel, UnsupportedCheckpoint
from ner_runtime.inference.tokenizers.unigram import open_vocabulary
from ner_runtime.manifest import UNIGRAM_FILE, VOCAB_FILE, Geometry, Split, TokenizerKind
from ner_runtime.models.checkpoint.configuration import SUPPORTED, Configuration, read_configuration
from ner_runtime.models.checkpoint.label_mapping import read_labels
from ner_runtime.models.checkpoint.safe_files import MAX_VOCAB_BYTES, file_inside
from ner_runtime.models.checkpoint.state_dict import Array, read_state_dict

Floats = NDArray[np.float32]

_WORDS = "embeddings.word_embeddings.weight"
LEXICON = "embeddings.lexicon"
"""Name prefix of the layer that maps lexicon flags to a vector."""
_OLD_NAMES = {".gamma": ".weight", ".beta": ".bias"}
_SPECIAL_PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


@dataclass(frozen=True, slots=True)
class CrfWeights:
    """The parameters of the CRF."""

    start_transitions: Floats  # (labels,)
    end_transitions: Floats  # (labels,)
    transitions: Floats  # (labels from, labels to)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The contents of a RaNER checkpoint, with normalized tensor names."""

    labels: tuple[str, ...]
    geometry: Geometry
    layer_norm_eps: float
    lowercase: bool
    encoder: dict[str, Floats]
    """Tensors by Hugging Face name, such as `encoder.layer.0.attention.self.query.weight`."""
    linear_weight: Floats  # (labels, hidden)
    linear_bias: Floats  # (labels,)
    crf: CrfWeights
    vocab: Path
    tokenizer: TokenizerKind = "wordpiece"
    split: Split = "characters"
    first_position: int = 0
    """See `Configuration`."""
    lexicon_flags: int = 0

    @property
    def position_embeddings(self) -> Floats:
        """The position embeddings of the first token and those after it: (positions, hidden)."""
        return self.encoder["embeddings.position_embeddings.weight"][self.first_position :]


def read_checkpoint(directory: Path) -> Checkpoint:
    """Read a checkpoint directory.

    Raises:
        UnsupportedCheckpoint: the model belongs to another family; the message names it and the supported family.
        InvalidCheckpoint: the checkpoint is damaged, incomplete or unsafe to read.
        MissingExtra: torch is not installed.
    """
    if not directory.is_dir():
        raise InvalidCheckpoint(f"{directory} is not a directory")
    configuration = read_configuration(directory)
    labels = read_labels(directory)
    vocab = _vocab_file(directory, configuration)
    tensors = _normalize_names(read_state_dict(directory), adaseq=configuration.adaseq)
    shapes = _expected_shapes(configuration, len(labels))
    if not configuration.crf:
        # Without transitions, the best path has the label with the highest logit at each position.
        tensors |= {name: np.zeros(shape, np.float32) for name, shape in shapes.items() if name.startswith("crf.")}
    arrays = {name: _tensor(tensors, name, shape) for name, shape in shapes.items()}
    crf = CrfWeights(*(arrays.pop(f"crf.{name}") for name in ("start_transitions", "end_transitions", "transitions")))
    return Checkpoint(
        labels=labels,
        geometry=configuration.geometry,
        layer_norm_eps=configuration.layer_norm_eps,
        lowercase=configuration.lowercase,
        linear_weight=arrays.pop("linear.weight"),
        linear_bias=arrays.pop("linear.bias"),
        crf=crf,
        encoder=arrays,
        vocab=vocab,
        tokenizer=configuration.tokenizer,
        split=configuration.split,
        first_position=configuration.first_position,
        lexicon_flags=configuration.lexicon_flags,
    )


def _normalize_names(tensors: dict[str, Array], *, adaseq: bool) -> dict[str, Array]:
    """Remove prefixes from tensor names and replace old LayerNorm names, so that all layouts have the same names."""
    names = {name: name.removeprefix("module.") for name in tensors}
    if not adaseq and any(name.startswith("embedder.") for name in names.values()):
        raise UnsupportedCheckpoint(
            "these are the weights of an AdaSeq export, but configuration.json does not have the model type "
            "`sequence-labeling-model`"
        )
    if any("lstm." in name for name in names.values()):
        raise UnsupportedCheckpoint(f"this is an LSTM-CRF; {SUPPORTED}")
    prefixes = {name.removesuffix(_WORDS) for name in names.values() if name.endswith(_WORDS)}
    if len(prefixes) != 1:
        raise InvalidCheckpoint(f"the weights contain {len(prefixes)} tables of word embeddings; expected: 1")
    prefix = prefixes.pop()
    plain: dict[str, Array] = {}
    for name, tensor in tensors.items():
        # Remove the prefix only once: `encoder.encoder.layer.0` becomes `encoder.layer.0`.
        new = names[name].removeprefix(prefix).removeprefix("head.")
        for old, now in _OLD_NAMES.items():
            new = new.removesuffix(old) + now if new.endswith(old) else new
        plain[new] = tensor
    return plain


def _expected_shapes(configuration: Configuration, labels: int) -> dict[str, tuple[int, ...]]:
    """Return the expected shape of every required tensor, from config.json and the number of labels."""
    geometry = configuration.geometry
    hidden, wide = geometry.hidden, geometry.intermediate
    shapes: dict[str, tuple[int, ...]] = {
        _WORDS: (geometry.vocab, hidden),
        "embeddings.position_embeddings.weight": (configuration.first_position + geometry.positions, hidden),
        "embeddings.token_type_embeddings.weight": (configuration.token_types, hidden),
        "linear.weight": (labels, hidden),
        "linear.bias": (labels,),
        "crf.start_transitions": (labels,),
        "crf.end_transitions": (labels,),
        "crf.transitions": (labels, labels),
    }
    if configuration.lexicon_flags:
        shapes[f"{LEXICON}.inner.weight"] = (configuration.lexicon_size, configuration.lexicon_flags)
        shapes[f"{LEXICON}.inner.bias"] = (configuration.lexicon_size,)
        shapes[f"{LEXICON}.outer.weight"] = (hidden, configuration.lexicon_size)
    linears = {"attention.self.query": (hidden, hidden), "attention.self.key": (hidden, hidden)}
    linears |= {"attention.self.value": (hidden, hidden), "attention.output.dense": (hidden, hidden)}
    linears |= {"intermediate.dense": (wide, hidden), "output.dense": (hidden, wide)}
    norms = ["embeddings.LayerNorm"]
    for layer in range(geometry.layers):
        for name, shape in linears.items():
            shapes[f"encoder.layer.{layer}.{name}.weight"] = shape
            shapes[f"encoder.layer.{layer}.{name}.bias"] = shape[:1]
        norms += [f"encoder.layer.{layer}.{name}.LayerNorm" for name in ("attention.output", "output")]
    for norm in norms:
        shapes |= {f"{norm}.weight": (hidden,), f"{norm}.bias": (hidden,)}
    return shapes


def _tensor(tensors: dict[str, Array], name: str, shape: tuple[int, ...]) -> Floats:
    tensor = tensors.get(name)
    if tensor is None:
        raise InvalidCheckpoint(f"the weights are incomplete: {name} is missing")
    if tensor.shape != shape:
        raise InvalidCheckpoint(
            f"{name} has the shape {tensor.shape}; expected from config.json and the labels: {shape}"
        )
    if not np.isfinite(tensor).all():
        raise InvalidCheckpoint(f"{name} contains numbers that are not finite")
    return np.asarray(tensor, dtype=np.float32)


def _vocab_file(directory: Path, configuration: Configuration) -> Path:
    """Check the vocabulary and return its path."""
    name = VOCAB_FILE if configuration.tokenizer == "wordpiece" else UNIGRAM_FILE
    path = file_inside(directory, name)
    if path is None:
        raise InvalidCheckpoint(f"{directory} has no {name}")
    if path.stat().st_size > MAX_VOCAB_BYTES:
        raise InvalidCheckpoint(f"{path} is larger than {MAX_VOCAB_BYTES // 2**20} MiB")
    pieces = _wordpieces(path) if configuration.tokenizer == "wordpiece" else _unigram_pieces(path)
    if pieces > configuration.geometry.vocab:
        raise InvalidCheckpoint(f"{path} has {pieces} pieces, but the embeddings only {configuration.geometry.vocab}")
    return path


def _unigram_pieces(path: Path) -> int:
    """Return the number of pieces of a sentencepiece model."""
    try:
        return open_vocabulary(path).size
    except InvalidModel as error:
        raise InvalidCheckpoint(error.message) from None


def _wordpieces(path: Path) -> int:
    """Return the number of pieces of a `vocab.txt`."""
    try:
        # Not `splitlines`, which also splits at other separators, such as U+2028: they can be pieces.
        pieces = [line.rstrip("\r") for line in path.read_bytes().decode().removesuffix("\n").split("\n")]
    except UnicodeDecodeError:
        raise InvalidCheckpoint(f"{path} is not UTF-8") from None
    missing = [piece for piece in _SPECIAL_PIECES if piece not in pieces]
    if missing:
        raise InvalidCheckpoint(f"{path} does not contain {', '.join(missing)}")
    return len(pieces)
