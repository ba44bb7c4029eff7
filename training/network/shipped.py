"""Read an INT8 model directory as a tagger in float32, to continue training.

The weights keep their INT8 rounding, which the first steps of fine-tuning correct. Only models with
the structure of the embedded model can be read: BERT in INT8, as `ner_runtime/models/convert/export.py` writes it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from ner_runtime.lexicon.features import FLAGS
from ner_runtime.manifest import CRF_FILE, ONNX_FILE, VOCAB_FILE, read_manifest
from ner_runtime.models.checkpoint.reader import LEXICON
from training.data.tagset import Tagset
from training.data.vocabulary import Vocabulary
from training.network.encoder import Geometry
from training.network.tagger import Tagger

_WORDS = "embeddings.words"
_POSITIONS = "embeddings.position_table"
# Practically forbidden, but small enough for gradients.
_UNLIKELY = -20.0


def read_shipped(directory: Path, dropout: float = 0.0) -> tuple[Tagger, Vocabulary]:
    """Read the tagger and the vocabulary of an INT8 model directory."""
    manifest = read_manifest(directory)
    sizes = manifest.geometry
    geometry = Geometry(
        sizes.vocab,
        hidden_size=sizes.hidden,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        intermediate_size=sizes.intermediate,
        max_position_embeddings=sizes.positions,
        lexicon_flags=FLAGS if manifest.lexicon_kinds else 0,
    )
    tagger = Tagger(geometry, Tagset(manifest.types), dropout)
    if tuple(tagger.tagset.labels) != manifest.labels:
        raise ValueError(f"{directory} has other labels than BIOES over {', '.join(manifest.types)}")
    graph = onnx.load(directory / ONNX_FILE).graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    with np.load(directory / CRF_FILE) as crf:
        arrays |= {f"crf.{name}": crf[name] for name in crf.files}
    tagger.load_state_dict(
        {
            name: torch.from_numpy(np.array(_array(arrays, name), dtype=np.float32, order="C"))
            for name in tagger.state_dict()
        }
    )
    return tagger, Vocabulary.read(directory / VOCAB_FILE)


def _array(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Return the parameter called `name`, computed from the constants of the ONNX graph."""
    plain = name.removeprefix("encoder.")
    if plain == "embeddings.word_embeddings.weight":
        return arrays[f"{_WORDS}.table"] * arrays[f"{_WORDS}.steps"]  # (pieces, hidden)
    if plain == "embeddings.position_embeddings.weight":
        return arrays[_POSITIONS]  # (positions, hidden), token type 0 already added
    if plain == "embeddings.token_type_embeddings.weight":
        return np.zeros((2, arrays[_POSITIONS].shape[1]), dtype=np.float32)
    if name.startswith("crf."):
        # The CRF sets forbidden transitions itself.
        return np.maximum(arrays[name], _UNLIKELY)
    if name.startswith("linear."):
        array = arrays[name.replace("linear.", "logits.")]
        return array.T if array.ndim > 1 else array
    if plain.startswith(f"{LEXICON}."):
        return arrays[plain].T if plain.endswith(".weight") else arrays[plain]
    array = arrays[plain]
    if array.dtype == np.int8:
        steps = arrays[plain.removesuffix(".weight") + ".steps"]  # (out,)
        return (array * steps).T  # (out, in)
    return array
