"""Read, write and verify `model.json`, the manifest of a model directory. A model directory never changes.

    model.onnx   encoder and linear layer. inputs  input_ids, attention_mask: int64 (batch, sequence)
                                           output  logits: float32 (batch, sequence, labels)
    crf.npz      start_transitions (labels,), end_transitions (labels,), transitions (labels from, labels to): float32
    vocab.txt    WordPiece vocabulary of a BERT model, one piece per line
    model.json   the manifest

A model with an XLM-RoBERTa encoder has `sentencepiece.bpe.model`, its Unigram vocabulary, instead of `vocab.txt`
(`tokenizer`). If the weights do not fit into one file of the ONNX format, `model.onnx.data` contains them.

A model can declare a lexicon (`lexicon_kinds`). It then has two more files (`lexicon/files.py`), and `model.onnx` has a
third input, lexicon: uint8 (batch, sequence, flags), see `lexicon/features.py`.

The embedded model, models from the hub and fine-tuned models all have this form. `ner_runtime/models` writes them.
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
ONNX_DATA_FILE = "model.onnx.data"
CRF_FILE = "crf.npz"
VOCAB_FILE = "vocab.txt"
UNIGRAM_FILE = "sentencepiece.bpe.model"

SPECIAL = 2
"""Number of special pieces around each window: [CLS] and [SEP]."""

Precision = Literal["int8", "fp32"]
TokenizerKind = Literal["wordpiece", "unigram"]
Split = Literal["characters", "words", "pieces"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Part):
    """Where the weights came from: the name of a directory, or a hub id and the requested revision.

    `digest` identifies the files of the checkpoint (`models/checkpoint/digest.py`). `revision` does not: it can be a
    branch, whose files change.
    """

    id: str
    revision: str | None = None
    digest: str | None = None

    @property
    def hub(self) -> str | None:
        """`owner/name@revision`; None for a directory."""
        return f"{self.id}@{self.revision}" if self.revision else None


class Geometry(_Part):
    """Dimensions of the encoder. `positions` includes [CLS] and [SEP]."""

    layers: int = Field(gt=0)
    hidden: int = Field(gt=0)
    heads: int = Field(gt=0)
    intermediate: int = Field(gt=0)
    vocab: int = Field(gt=0)
    positions: int = Field(gt=2)

    @property
    def longest(self) -> int:
        """Length of the longest possible window, in pieces."""
        return self.positions - SPECIAL


class Agreement(_Part):
    """Agreement of the INT8 model with the FP32 model, measured when the model was imported.

    `f1` is the entity F1 of the INT8 entities against the FP32 entities on `sentences` sentences; `bar` is the lowest
    F1 at which the INT8 model is used.
    """

    f1: float = Field(ge=0, le=1)
    sentences: int = Field(gt=0)
    bar: float = Field(ge=0, le=1)


class Manifest(_Part):
    """The contents of `model.json`."""

    format: Literal[1] = FORMAT
    name: str
    version: str
    source: Source
    labels: tuple[str, ...]
    """Label of each output of the linear layer, in order: `O`, `B-PER`, … in the BIO or BIOES scheme."""
    types: tuple[str, ...]
    default_types: tuple[str, ...]
    """Types that are returned if a request names none."""
    colors: dict[str, str] = {}
    geometry: Geometry
    tokenizer: TokenizerKind = "wordpiece"
    """`wordpiece`: BERT, with `vocab.txt`. `unigram`: XLM-RoBERTa, with `sentencepiece.bpe.model`."""
    split: Split = "characters"
    """What gets a label: each code point, each word (XLM-RoBERTa) or each piece of the whole text (AdaSeq)."""
    lowercase: bool = True
    window: int | None = Field(default=None, gt=0)
    """Length of the longest window, in pieces, for models that are more accurate on short inputs. None: no limit."""
    by_sentence: bool = False
    """Whether each sentence is a window of its own; long sentences are split between clauses."""
    skip_markup: bool = False
    """Whether Markdown, HTML, URLs and e-mail addresses are hidden from the model; see `inference/markup/`."""
    lexicon_kinds: tuple[str, ...] = Field(default=(), max_length=MAX_KINDS)
    """Kinds of entries in the model's lexicon, in the order of their flags. Empty: the model has no lexicon."""
    precision: Precision
    agreement: Agreement | None = None
    files: dict[str, str]
    """sha256 of each of the other files of the directory, by file name."""

    @property
    def vocabulary_file(self) -> str:
        """Name of the file with the vocabulary."""
        return VOCAB_FILE if self.tokenizer == "wordpiece" else UNIGRAM_FILE

    @property
    def required_files(self) -> tuple[str, ...]:
        """Names of the files that the model needs. `files` can have more."""
        lexicon = LEXICON_FILES if self.lexicon_kinds else ()
        return (ONNX_FILE, CRF_FILE, self.vocabulary_file, *lexicon)

    @field_validator("default_types")
    @classmethod
    def _known(cls, default_types: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if unknown := sorted(set(default_types) - set(info.data.get("types", default_types))):
            raise ValueError(f"{unknown[0]} is not one of the types")
        return default_types


def read_manifest(directory: Path) -> Manifest:
    """Read and validate `model.json`.

    Raises:
        ModelNotFound: the directory does not exist.
        InvalidModel: `model.json` is missing, not valid or cannot be read.
    """
    if not directory.is_dir():
        raise ModelNotFound(f"no model directory at {directory}")
    path = directory / MODEL_FILE
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InvalidModel(f"{directory} is not a model directory: it has no {MODEL_FILE}") from None
    except OSError as error:
        raise InvalidModel(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or MODEL_FILE
        raise InvalidModel(f"{path} is not valid: {where}: {first['msg']}") from None


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write `model.json`. The other files of the directory must exist already."""
    text = json.dumps(manifest.model_dump(mode="json"), ensure_ascii=False, indent=2)
    (directory / MODEL_FILE).write_text(text + "\n", encoding="utf-8")


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_files(directory: Path, manifest: Manifest) -> None:
    """Compare every file with its sha256 in the manifest.

    Raises:
        InvalidModel: a file is missing, or its sha256 differs.
    """
    for name in sorted({*manifest.required_files, *manifest.files}):
        path = directory / name
        if Path(name).name != name or name not in manifest.files:
            raise InvalidModel(f"{directory / MODEL_FILE} is not valid: files: {name}")
        if not path.is_file():
            raise InvalidModel(f"{directory} is incomplete: {name} is missing")
        if file_sha256(path) != manifest.files[name]:
            raise InvalidModel(f"{path} is damaged: its sha256 differs from the one in {MODEL_FILE}")
