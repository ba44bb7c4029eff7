"""Synthetic RaNER checkpoints: exactly the published format, with seeded weights.

    write_checkpoint(directory)                                       tiny geometry, as the hub had it in 2022
    write_checkpoint(directory, BASE)                                 the geometry of the published base models
    write_checkpoint(directory, layout="head", labels=bio(["PER"]))   any field of `Recipe` may be changed

The weights are drawn so that texts have many entities: about half of a text is O (`outside`), the rest is entities of
every type. Each character has a most likely label, as in a trained model, and its neighbours can change it. No
transition is forbidden, so that paths which no trained CRF takes occur, too.

Source: ModelScope 1.40.2 and the published checkpoints; `docs/model-family.md` lists them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tests.support.models.unigram import PIECES, unigram_model

Floats = NDArray[np.float32]
State = dict[str, Floats]

Layout = Literal["hub", "head", "module", "old names", "nested"]
"""`hub`: 2022's. `head`: newer `save_pretrained`. `module`: a wrapped model's. `old names`: gamma and beta. `nested`: a
training run's, the weights under `state_dict`."""
LAYOUTS: tuple[Layout, ...] = ("hub", "head", "module", "old names", "nested")

Place = Literal[
    "label_mapping",
    "configuration.model.label2id",
    "configuration.model.id2label",
    "configuration.preprocessor.label2id",
    "configuration.preprocessor.id2label",
    "config.label2id",
    "config.id2label",
]
PLACES: tuple[Place, ...] = Place.__args__

NEWS = ("PER", "LOC", "ORG")
MEDICAL = ("bod", "dep", "dis", "dru", "equ", "ite", "mic", "pro", "sym")
ECOM = tuple(f"类{index}" for index in range(54))

_SPECIAL = ("[PAD]", *(f"[unused{index}]" for index in range(1, 100)), "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_SIGNS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~·—‘’“”…、。《》【】！（），：；？～￥℃①②ⅲαβабвｆ１２３ー々"
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZßøéàａｂ"
_JAMO = [
    *map(chr, range(0x1100, 0x1113)),
    *(f"##{chr(code)}" for code in [*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)]),
]


def bioes(types: Iterable[str]) -> tuple[str, ...]:
    """O and four labels a type."""
    return ("O", *(f"{prefix}-{type_}" for type_ in types for prefix in "BIES"))


def bio(types: Iterable[str]) -> tuple[str, ...]:
    """O and two labels a type."""
    return ("O", *(f"{prefix}-{type_}" for type_ in types for prefix in "BI"))


def medical_order(types: Sequence[str]) -> tuple[str, ...]:
    """BIOES in the order of the medical variant: B and S of all types first, then I and E of all."""
    return ("O", *(f"{p}-{t}" for t in types for p in "BS"), *(f"{p}-{t}" for t in types for p in "IE"))


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a checkpoint is like."""

    layers: int = 2
    hidden: int = 64
    heads: int = 4
    intermediate: int = 128
    positions: int = 512
    vocab: int = 4096
    labels: tuple[str, ...] = bioes(NEWS)
    layout: Layout = "hub"
    weights: Literal["torch", "safetensors"] = "torch"
    labels_in: Place = "config.label2id"
    string_ids: bool = False
    """Ids of labels as strings, where JSON leaves the choice; keys are strings anyway."""
    lowercase: bool = True
    preprocessor: str | None = None
    """Name of the preprocessor in configuration.json; the published ones name none."""
    seed: int = 0
    outside: float = 0.5
    """Share of the vocabulary whose most likely label is O."""
    family: Literal["bert", "xlm-roberta"] = "bert"
    by_word: bool = False
    """Whether an XLM-RoBERTa labels words, that is, has no `is_split_into_words` in its tokenizer_config.json."""
    fast: bool | None = None
    """`use_fast` in tokenizer_config.json, if given."""

    @property
    def unigram(self) -> bool:
        return self.family == "xlm-roberta"

    @property
    def rows(self) -> int:
        """Rows of the position embeddings. The first position of an XLM-RoBERTa comes after that of padding."""
        return self.positions + 2 if self.unigram else self.positions


TINY = Recipe()
TINY_XLM = Recipe(family="xlm-roberta", vocab=PIECES + 2)
BASE = Recipe(layers=12, hidden=768, heads=12, intermediate=3072, vocab=21128)


def write_checkpoint(directory: Path, recipe: Recipe = TINY, /, **changes: Any) -> Path:
    """Write a checkpoint into a directory, which is made where it is not there, and return it."""
    recipe = replace(recipe, **changes)
    directory.mkdir(parents=True, exist_ok=True)
    _write_json(directory / "configuration.json", _configuration(recipe))
    _write_json(directory / "config.json", _config(recipe))
    _write_json(directory / "tokenizer_config.json", _tokenizer_config(recipe))
    if recipe.labels_in == "label_mapping":
        _write_json(directory / "label_mapping.json", _label2id(recipe))
    if recipe.unigram:
        (directory / "sentencepiece.bpe.model").write_bytes(unigram_model())
    else:
        (directory / "vocab.txt").write_text("\n".join(vocabulary(recipe.vocab)) + "\n", encoding="utf-8")
    write_weights(directory, named(weights(recipe), recipe.layout), recipe)
    return directory


def write_adaseq(directory: Path, *, crf: bool = True, embedder: dict[str, Any] | None = None, **changes: Any) -> Path:
    """A model that AdaSeq exported. `embedder` are more options of its embedder, `changes` fields of `Recipe`."""
    recipe = replace(TINY, **changes)
    write_checkpoint(directory, recipe)
    _write_json(directory / "tokenizer_config.json", {"do_lower_case": recipe.lowercase})
    model = {"embedder": {"model_name_or_path": "bert-base-chinese", **(embedder or {})}, "use_crf": crf}
    preprocessor = {"type": "sequence-labeling-preprocessor", "max_length": 150}
    configuration = {
        "framework": "pytorch",
        "task": "named-entity-recognition",
        "model": {"type": "sequence-labeling-model", **model, "id_to_label": _mapping(recipe, "id2label")},
        "preprocessor": preprocessor | {"label_to_id": _label2id(recipe)},
        "pipeline": {"type": "sequence-labeling-pipeline"},
        "plugins": ["adaseq"],
    }
    _write_json(directory / "configuration.json", configuration)
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    config.pop("label2id")
    _write_json(directory / "config.json", config)
    state = {name: array for name, array in weights(recipe).items() if crf or not name.startswith("crf.")}
    renamed = {
        f"embedder.transformer_model.{name.removeprefix('encoder.')}" if name.startswith("encoder.") else name: array
        for name, array in state.items()
    }
    write_weights(directory, renamed, recipe, position_ids="embedder.transformer_model.embeddings.position_ids")
    return directory


def write_span_model(directory: Path) -> Path:
    """A span model of AdaSeq."""
    write_adaseq(directory)
    path = directory / "configuration.json"
    path.write_text(path.read_text(encoding="utf-8").replace("sequence-labeling-model", "biaffine-ner-model"))
    return directory


def write_lstm(directory: Path) -> Path:
    """An LSTM-CRF, as some published word segmenters and NER models are."""
    write_checkpoint(directory)
    _write_json(directory / "configuration.json", {"model": {"type": "lstm-crf"}, "task": "named-entity-recognition"})
    _write_json(directory / "config.json", {"model_type": "lstm", "vocab_size": 100, "embed_width": 8})
    write_weights(directory, {"lstm.weight_ih_l0": np.zeros((8, 8), np.float32)}, TINY)
    return directory


def vocabulary(size: int) -> list[str]:
    """`size` pieces: special ones, signs, Latin letters and jamo, Chinese characters, continuations."""
    signs = [*_SIGNS, *_LETTERS, *(f"##{letter}" for letter in _LETTERS), *_JAMO]
    characters = [piece for rows in (range(0xB0, 0xD8), range(0xD8, 0xF8)) for piece in _gb2312(rows)]
    pieces = list(dict.fromkeys([*_SPECIAL, *signs, *characters, *(f"##{piece}" for piece in characters)]))
    filler = (f"[unused{index}]" for index in range(100, size))
    return [*pieces, *filler][:size]


def weights(recipe: Recipe) -> State:
    """The state dict as the hub's, float32, drawn from the recipe's seed."""
    random = np.random.default_rng(recipe.seed)
    hidden, wide, labels = recipe.hidden, recipe.intermediate, len(recipe.labels)
    outside = recipe.labels.index("O")

    def normal(*shape: int, scale: float = 1.0) -> Floats:
        return random.standard_normal(shape, dtype=np.float32) * np.float32(scale)

    state: State = {}

    def linear(name: str, wide_out: int, wide_in: int, gain: float = 1.0) -> None:
        state[f"{name}.weight"] = normal(wide_out, wide_in, scale=gain / math.sqrt(wide_in))
        state[f"{name}.bias"] = normal(wide_out, scale=0.1)

    def norm(name: str) -> None:
        state[f"{name}.weight"] = 1 + normal(hidden, scale=0.1)
        state[f"{name}.bias"] = normal(hidden, scale=0.1)

    leanings = np.where(
        random.random(recipe.vocab) < recipe.outside, outside, random.integers(0, labels, recipe.vocab)
    )  # (vocab,)
    directions = normal(labels, hidden)
    state["encoder.embeddings.word_embeddings.weight"] = directions[leanings] + normal(recipe.vocab, hidden, scale=0.5)
    state["encoder.embeddings.position_embeddings.weight"] = normal(recipe.rows, hidden, scale=0.3)
    state["encoder.embeddings.token_type_embeddings.weight"] = normal(1 if recipe.unigram else 2, hidden, scale=0.1)
    norm("encoder.embeddings.LayerNorm")
    # What a layer adds, so that the deepest encoder still remembers the character.
    residual = 0.5 / math.sqrt(recipe.layers)
    for layer in range(recipe.layers):
        prefix = f"encoder.encoder.layer.{layer}"
        for part in ("query", "key"):
            linear(f"{prefix}.attention.self.{part}", hidden, hidden, gain=1.5)
        linear(f"{prefix}.attention.self.value", hidden, hidden)
        linear(f"{prefix}.attention.output.dense", hidden, hidden, gain=residual)
        norm(f"{prefix}.attention.output.LayerNorm")
        linear(f"{prefix}.intermediate.dense", wide, hidden)
        linear(f"{prefix}.output.dense", hidden, wide, gain=residual)
        norm(f"{prefix}.output.LayerNorm")
    linear("encoder.pooler.dense", hidden, hidden)
    linear("linear", labels, hidden, gain=0.5)
    state["linear.weight"] += directions * np.float32(10 / hidden)
    for name, shape in (
        ("start_transitions", (labels,)),
        ("end_transitions", (labels,)),
        ("transitions", (labels,) * 2),
    ):
        state[f"crf.{name}"] = normal(*shape, scale=0.7)
    return state


def named(state: State, layout: Layout) -> State:
    """The hub's state dict by the names of another layout."""
    renamed: State = {}
    for name, array in state.items():
        new = name
        if layout == "head" and not name.startswith("encoder."):
            new = f"head.{name}"
        if layout == "module":
            new = f"module.{name}"
        if layout == "old names" and ".LayerNorm." in name:
            new = name.replace(".weight", ".gamma").replace(".bias", ".beta")
        renamed[new] = array
    return renamed


def write_weights(
    directory: Path, state: State, recipe: Recipe, position_ids: str = "encoder.embeddings.position_ids"
) -> None:
    """Write `pytorch_model.bin` or `model.safetensors`, by the names given."""
    import torch

    tensors: dict[str, Any] = {name: torch.from_numpy(array.copy()) for name, array in state.items()}
    if recipe.weights == "safetensors":
        from safetensors.torch import save_file

        (directory / "pytorch_model.bin").unlink(missing_ok=True)
        save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
        return
    prefix = "module." if recipe.layout == "module" else ""
    tensors[f"{prefix}{position_ids}"] = torch.arange(recipe.rows)[None]  # (1, rows)
    nested = recipe.layout == "nested"
    torch.save({"state_dict": tensors, "epoch": 3} if nested else tensors, directory / "pytorch_model.bin")


def _configuration(recipe: Recipe) -> dict[str, Any]:
    model: dict[str, Any] = {"type": "transformer-crf"}
    preprocessor: dict[str, Any] = {"type": recipe.preprocessor} if recipe.preprocessor else {}
    file, _, field = recipe.labels_in.partition(".")
    if file == "configuration":
        section, kind = field.split(".")
        (model if section == "model" else preprocessor)[kind] = _mapping(recipe, kind)
    configuration = {
        "framework": "pytorch",
        "task": "named-entity-recognition",
        "model": model,
        "pipeline": {"type": "named-entity-recognition"},
    }
    return configuration | ({"preprocessor": preprocessor} if preprocessor else {})


def _config(recipe: Recipe) -> dict[str, Any]:
    config: dict[str, Any] = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "attention_probs_dropout_prob": 0.1,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "hidden_size": recipe.hidden,
        "initializer_range": 0.02,
        "intermediate_size": recipe.intermediate,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": recipe.positions,
        "num_attention_heads": recipe.heads,
        "num_hidden_layers": recipe.layers,
        "pad_token_id": 0,
        "position_embedding_type": "absolute",
        "type_vocab_size": 2,
        "vocab_size": recipe.vocab,
    }
    if recipe.unigram:
        config |= {"model_type": "xlm-roberta", "architectures": ["XLMRobertaModel"], "layer_norm_eps": 1e-5}
        config |= {"max_position_embeddings": recipe.rows, "type_vocab_size": 1}
        config |= {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
    file, _, kind = recipe.labels_in.partition(".")
    return config | ({kind: _mapping(recipe, kind)} if file == "config" else {})


def _tokenizer_config(recipe: Recipe) -> dict[str, Any]:
    # `is_split_into_words`: one token a code point.
    words: dict[str, Any] = {} if recipe.by_word else {"is_split_into_words": True}
    fast = {} if recipe.fast is None else {"use_fast": recipe.fast}
    family = {"tokenizer_class": "XLMRobertaTokenizer"} if recipe.unigram else {"do_lower_case": recipe.lowercase}
    return family | words | fast


def _mapping(recipe: Recipe, kind: str) -> dict[str, Any]:
    if kind == "label2id":
        return _label2id(recipe)
    return {str(id_): label for id_, label in enumerate(recipe.labels)}


def _label2id(recipe: Recipe) -> dict[str, Any]:
    return {label: str(id_) if recipe.string_ids else id_ for id_, label in enumerate(recipe.labels)}


def _gb2312(rows: range) -> list[str]:
    """The characters of some rows of GB 2312, those of level 1 in the order of their readings."""
    codes = (bytes([row, cell]) for row in rows for cell in range(0xA1, 0xFF))
    return [character for code in codes if (character := code.decode("gb2312", "ignore"))]


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
