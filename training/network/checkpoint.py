"""Write a tagger as a directory in the layout of published RaNER checkpoints, and read it back.

The files are `configuration.json`, `config.json` (BERT's configuration and the labels), `pytorch_model.bin`,
`vocab.txt` and `tokenizer_config.json`. The state dict has the same keys as the checkpoints of 2022. Forbidden
transitions have a large negative score, so that every decoder returns legal paths only. `raner import` converts a
checkpoint directory into a model directory.
"""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import torch
from torch import Tensor

from ner_runtime.atomic_files import write_atomically
from training.data.tagset import Tagset
from training.data.vocabulary import Vocabulary
from training.network.encoder import Geometry
from training.network.tagger import Tagger

WEIGHTS_FILE = "pytorch_model.bin"
# As ModelScope writes it: without a `preprocessor` section, the token classification preprocessor is used.
_CONFIGURATION = {
    "framework": "pytorch",
    "task": "named-entity-recognition",
    "model": {"type": "transformer-crf"},
    "pipeline": {"type": "named-entity-recognition"},
}


def write_checkpoint(folder: Path, tagger: Tagger, vocabulary: Vocabulary) -> None:
    """Write all five files. The weights come last, since readers check whether they exist."""
    geometry = tagger.encoder.geometry
    labels = tagger.tagset.labels
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        **geometry.to_dict(),
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "initializer_range": 0.02,
        "pad_token_id": 0,
        "position_embedding_type": "absolute",
        "id2label": {str(number): label for number, label in enumerate(labels)},
        "label2id": {label: number for number, label in enumerate(labels)},
    }
    tokenizer = {"do_lower_case": True, "is_split_into_words": True, "tokenizer_class": "BertTokenizer"}
    _write_json(folder / "configuration.json", _CONFIGURATION)
    _write_json(folder / "config.json", config)
    _write_json(folder / "tokenizer_config.json", tokenizer)
    vocabulary.write(folder / "vocab.txt")
    buffer = BytesIO()
    torch.save(published_state(tagger), buffer)
    write_atomically(folder / WEIGHTS_FILE, buffer.getvalue())


def published_state(tagger: Tagger) -> dict[str, Tensor]:
    """Return the state dict with the keys of published checkpoints. The unused pooler is all zeros."""
    geometry = tagger.encoder.geometry
    hidden, positions = geometry.hidden_size, geometry.max_position_embeddings
    start, end, transitions = tagger.crf.scores()
    state = {
        "encoder.embeddings.position_ids": torch.arange(positions)[None],  # (1, positions)
        **{name: tensor for name, tensor in tagger.state_dict().items() if not name.startswith("crf.")},
        "encoder.pooler.dense.weight": torch.zeros(hidden, hidden),
        "encoder.pooler.dense.bias": torch.zeros(hidden),
        "crf.start_transitions": start,
        "crf.end_transitions": end,
        "crf.transitions": transitions,
    }
    return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}


def read_checkpoint(folder: Path, dropout: float = 0.0) -> tuple[Tagger, Vocabulary]:
    """Read a tagger, in evaluation mode, and its vocabulary from a directory that `write_checkpoint` wrote."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    geometry = Geometry(**{name: config[name] for name in Geometry(0).to_dict() if name in config})
    labels = [config["id2label"][str(number)] for number in range(len(config["id2label"]))]
    tagset = Tagset(tuple(dict.fromkeys(label[2:] for label in labels[1:])))
    tagger = Tagger(geometry, tagset, dropout)
    state = torch.load(folder / WEIGHTS_FILE, map_location="cpu", weights_only=True)
    known = tagger.state_dict()
    tagger.load_state_dict({name: tensor for name, tensor in state.items() if name in known})
    return tagger.eval(), Vocabulary.read(folder / "vocab.txt")


def _write_json(path: Path, value: object) -> None:
    write_atomically(path, json.dumps(value, ensure_ascii=False, indent=2).encode())
