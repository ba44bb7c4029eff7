"""A model as the runtime sees it: one directory, described by its `model.json`, and never changed once written.

    model.onnx   encoder and linear layer. inputs  input_ids, attention_mask: int64 (batch, sequence)
                                           output  logits: float32 (batch, sequence, labels)
    crf.npz      start_transitions (labels,), end_transitions (labels,), transitions (labels from, labels to): float32
    vocab.txt    WordPiece vocabulary, one piece a line
    model.json   this module

A model may declare a lexicon (`lexicon_kinds`). It then has two more files (see `lexicon/files.py`), and `model.onnx`
has a third input, lexicon: uint8 (batch, sequence, flags), see `lexicon/features.py`.

The embedded default, a RaNER from the hub and a user's own fine-tuned one all have this form; `models/` writes it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from ner_runtime.errors import InvalidModel, ModelNotFound
from ner_runtime.lexicon import LEXICON_FILES, MAX_KINDS

FORMAT = 1
MODEL_FILE = "model.json"
ONNX_FILE = "model.onnx"
CRF_FILE = "crf.npz"
VOCAB_FILE = "vocab.txt"
FILES = (ONNX_FILE, CRF_FILE, VOCAB_FILE)

SPECIAL = 2
"""Pieces that stand around each window: [CLS] and [SEP]."""

Precision = Literal["int8", "fp32"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Part):
    """Where the weights came from: a directory's name, or a hub id and the revision that was asked for.

    `digest` is that of the checkpoint's files (`models/contents.py`): a revision can move, what was read cannot.
    """

    id: str
    revision: str | None = None
    digest: str | None = None

    @property
    def hub(self) -> str | None:
        """`owner/name@revision` at the hub; None for a directory."""
        return f"{self.id}@{self.revision}" if self.revision else None


class Geometry(_Part):
    """The encoder's shape; `positions` counts [CLS] and [SEP] too."""

    layers: int = Field(gt=0)
    hidden: int = Field(gt=0)
    heads: int = Field(gt=0)
    intermediate: int = Field(gt=0)
    vocab: int = Field(gt=0)
    positions: int = Field(gt=2)

    @property
    def longest(self) -> int:
        """Pieces of the longest window."""
        return self.positions - SPECIAL


class Agreement(_Part):
    """How far the INT8 model's entities agree with the FP32 model's, measured when the model was imported.

    `f1` is the entity F1 of the INT8 answers with the FP32 answers taken as truth, on `sentences` sentences.
    """

    f1: float = Field(ge=0, le=1)
    sentences: int = Field(gt=0)
    bar: float = Field(ge=0, le=1)


class Manifest(_Part):
    """`model.json`."""

    format: Literal[1] = FORMAT
    name: str
    version: str
    source: Source
    labels: tuple[str, ...]
    """Label of each output of the linear layer, in order: `O`, `B-PER`, … in the BIO or BIOES scheme."""
    types: tuple[str, ...]
    default_types: tuple[str, ...]
    """Types that are answered when none are asked for."""
    colors: dict[str, str] = {}
    geometry: Geometry
    lowercase: bool = True
    window: int | None = Field(default=None, gt=0)
    """Longest stretch to read at once, in pieces, where the model reads shorter ones better; None: all positions."""
    by_sentence: bool = False
    """Whether a text is read sentence by sentence, each as if it stood alone; a long one in parts of whole clauses."""
    lexicon_kinds: tuple[str, ...] = Field(default=(), max_length=MAX_KINDS)
    """Kinds of the entries of the model's lexicon, in the order of their flags; empty where the model has none."""
    precision: Precision
    agreement: Agreement | None = None
    files: dict[str, str]
    """sha256 of each file beside this one."""

    @field_validator("default_types")
    @classmethod
    def _known(cls, default_types: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if unknown := sorted(set(default_types) - set(info.data.get("types", default_types))):
            raise ValueError(f"{unknown[0]} is none of the types")
        return default_types


def read_manifest(directory: Path) -> Manifest:
    """Read and check `model.json`.

    Raises:
        ModelNotFound: there is no such directory.
        InvalidModel: there is no `model.json` in it, or it does not hold what it must.
    """
    if not directory.is_dir():
        raise ModelNotFound(f"no model directory at {directory}")
    path = directory / MODEL_FILE
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InvalidModel(f"{directory} is not a model directory: it has no {MODEL_FILE}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or MODEL_FILE
        raise InvalidModel(f"{path} is not valid: {where}: {first['msg']}") from None


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write `model.json`; the files it names must be there already."""
    text = json.dumps(manifest.model_dump(mode="json"), ensure_ascii=False, indent=2)
    (directory / MODEL_FILE).write_text(text + "\n", encoding="utf-8")


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _lexicon_files(manifest: Manifest) -> tuple[str, ...]:
    return LEXICON_FILES if manifest.lexicon_kinds else ()


def verify_files(directory: Path, manifest: Manifest) -> None:
    """Compare every file with the sha256 that the manifest states.

    Raises:
        InvalidModel: a file is missing or is not the one that the manifest describes.
    """
    for name in sorted({*FILES, *_lexicon_files(manifest), *manifest.files}):
        path = directory / name
        if Path(name).name != name or name not in manifest.files:
            raise InvalidModel(f"{directory / MODEL_FILE} is not valid: files: {name}")
        if not path.is_file():
            raise InvalidModel(f"{directory} is incomplete: {name} is missing")
        if file_sha256(path) != manifest.files[name]:
            raise InvalidModel(f"{path} is damaged: its sha256 is not the one in {MODEL_FILE}")
