"""Build a model directory from a checkpoint.

    checkpoint ─▶ FP32 model ─▶ compare with PyTorch ─▶ calibrate ─▶ INT8 model ─▶ compare entities ─▶ model.json

The directory is moved into place when it is complete.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ner_runtime.errors import UnsupportedCheckpoint
from ner_runtime.inference.tokenizers.base import Tokenizer
from ner_runtime.inference.tokenizers.factory import open_tokenizer
from ner_runtime.lexicon import LEXICON_FILES
from ner_runtime.lexicon.files import read_kinds, read_matcher
from ner_runtime.manifest import (
    CRF_FILE,
    ONNX_DATA_FILE,
    ONNX_FILE,
    Manifest,
    Precision,
    Source,
    file_sha256,
    write_manifest,
)
from ner_runtime.models.checkpoint.label_mapping import entity_types
from ner_runtime.models.checkpoint.reader import Checkpoint, read_checkpoint
from ner_runtime.models.convert.agreement import MIN_AGREEMENT, measure_agreement
from ner_runtime.models.convert.calibrate import calibrate
from ner_runtime.models.convert.export import Arithmetic, Fp32, export, linear_inputs
from ner_runtime.models.convert.graph import save_model, save_with_outputs
from ner_runtime.models.convert.pytorch_check import check_against_pytorch
from ner_runtime.models.convert.quantize import Int8, Scale
from ner_runtime.models.convert.sample import sample_sentences
from ner_runtime.models.convert.self_check import CHECK_FILE, write_self_check
from ner_runtime.recognizer import Recognizer

Progress = Callable[[str], None]

_CALIBRATION_SENTENCES = 200
_VERSION_DIGITS = 12


@dataclass(frozen=True)
class ModelOptions:
    """Model properties that a checkpoint does not contain; see `Manifest`. Empty `default_types` means all types."""

    default_types: tuple[str, ...] = ()
    colors: Mapping[str, str] = field(default_factory=dict[str, str])
    window: int | None = None
    by_sentence: bool = False
    skip_markup: bool = False

    @property
    def version_content(self) -> tuple[str, ...]:
        """The options that affect the version, as lines to include in its digest."""
        # `skip_markup` is not included: it affects the text, not the model, and cache keys contain it.
        return (f"window={self.window} by_sentence={self.by_sentence}",) if self.window or self.by_sentence else ()


def build_model_directory(
    checkpoint_dir: Path,
    out_dir: Path,
    name: str,
    precision: Precision = "int8",
    *,
    source: Source | None = None,
    options: ModelOptions | None = None,
    lexicon: Path | None = None,
    min_agreement: float = MIN_AGREEMENT,
    progress: Progress = lambda _message: None,
) -> Manifest:
    """Build a model directory from a checkpoint.

    Args:
        checkpoint_dir: a ModelScope directory
        out_dir: the directory to create
        name: the name of the model
        precision: `fp32`, or `int8`, which falls back to FP32 if the agreement is below `min_agreement`
        source: where the checkpoint came from; default: the name of the directory
        options: properties that the checkpoint does not contain
        lexicon: the directory of the lexicon that the checkpoint was trained with
        min_agreement: lowest entity F1 of INT8 against FP32, between 0 and 1
        progress: called with one line per step

    Raises:
        UnsupportedCheckpoint, InvalidCheckpoint, MissingExtra: see `read_checkpoint`.
        UnsupportedCheckpoint: `lexicon` is missing for a checkpoint trained with a lexicon, or given for another one.
        InvalidModel: the logits of the exported model differ from those of PyTorch.
    """
    progress(f"reading {checkpoint_dir}")
    checkpoint = read_checkpoint(checkpoint_dir)
    if bool(checkpoint.lexicon_flags) != bool(lexicon):
        raise UnsupportedCheckpoint(f"{checkpoint_dir} can only be used with the lexicon that it was trained with")
    source = source or Source(id=checkpoint_dir.name)
    builder = _Builder(checkpoint, name, source, options or ModelOptions(), lexicon)
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out_dir.name}-", dir=out_dir.parent) as staging:
        fp32, int8 = Path(staging) / "fp32", Path(staging) / "int8"
        progress("exporting to ONNX and comparing with PyTorch")
        manifest = builder.write(fp32, "fp32", Fp32())
        check_against_pytorch(fp32 / ONNX_FILE, checkpoint)
        chosen = fp32
        if precision == "int8":
            progress("calibrating INT8")
            tokenizer = open_tokenizer(fp32, manifest)
            scales = _calibrated(checkpoint, tokenizer, fp32, lexicon)
            quantized = builder.write(int8, "int8", Int8(scales))
            progress("comparing INT8 with FP32")
            agreement = measure_agreement(fp32, int8, min_agreement)
            if agreement.f1 >= min_agreement:
                chosen, manifest = int8, quantized
                progress(f"entity F1 of INT8 against FP32: {agreement.f1:.4f}")
            else:
                progress(
                    f"warning: entity F1 of INT8 against FP32: {agreement.f1:.4f}, below {min_agreement}; "
                    "using the FP32 model, which is slower and larger; --min-agreement accepts less"
                )
            manifest = manifest.model_copy(update={"agreement": agreement})
            write_manifest(chosen, manifest)
        manifest = _with_self_check(chosen, manifest)
        chosen.rename(out_dir)
    return manifest


class _Builder:
    """Writes model directories for one checkpoint."""

    def __init__(
        self, checkpoint: Checkpoint, name: str, source: Source, options: ModelOptions, lexicon: Path | None
    ) -> None:
        self._checkpoint = checkpoint
        self._name = name
        self._source = source
        self._options = options
        self._lexicon = lexicon

    def write(self, directory: Path, precision: Precision, arithmetic: Arithmetic) -> Manifest:
        directory.mkdir()
        save_model(export(self._checkpoint, arithmetic), directory / ONNX_FILE)
        crf = self._checkpoint.crf
        np.savez(
            directory / CRF_FILE,
            start_transitions=crf.start_transitions,
            end_transitions=crf.end_transitions,
            transitions=crf.transitions,
        )
        shutil.copyfile(self._checkpoint.vocab, directory / self._checkpoint.vocab.name)
        if self._lexicon:
            for file in LEXICON_FILES:
                shutil.copyfile(self._lexicon / file, directory / file)
        manifest = self._manifest(directory, precision)
        write_manifest(directory, manifest)
        return manifest

    def _manifest(self, directory: Path, precision: Precision) -> Manifest:
        names = (ONNX_FILE, CRF_FILE, self._checkpoint.vocab.name, *(LEXICON_FILES if self._lexicon else ()))
        if (directory / ONNX_DATA_FILE).exists():
            names = (*names, ONNX_DATA_FILE)
        files = {file: file_sha256(directory / file) for file in names}
        labels, options = self._checkpoint.labels, self._options
        # The version is a digest of the content: importing the same checkpoint again gives the same version.
        version_parts = [self._source.hub or "", self._source.digest or "", f"lowercase={self._checkpoint.lowercase}"]
        if self._checkpoint.split != "characters":
            version_parts.append(f"split={self._checkpoint.split}")
        content = "\n".join([*labels, *(files[file] for file in names), *version_parts, *options.version_content])
        types = entity_types(labels)
        return Manifest(
            name=self._name,
            version=hashlib.sha256(content.encode()).hexdigest()[:_VERSION_DIGITS],
            source=self._source,
            labels=labels,
            types=types,
            default_types=options.default_types or types,
            colors=dict(options.colors),
            window=options.window,
            by_sentence=options.by_sentence,
            skip_markup=options.skip_markup,
            geometry=self._checkpoint.geometry,
            tokenizer=self._checkpoint.tokenizer,
            split=self._checkpoint.split,
            lowercase=self._checkpoint.lowercase,
            lexicon_kinds=read_kinds(directory) if self._lexicon else (),
            precision=precision,
            files=files,
        )


def _with_self_check(directory: Path, manifest: Manifest) -> Manifest:
    write_self_check(Recognizer.open(directory), directory)
    files = manifest.files | {CHECK_FILE: file_sha256(directory / CHECK_FILE)}
    manifest = manifest.model_copy(update={"files": files})
    write_manifest(directory, manifest)
    return manifest


def _calibrated(checkpoint: Checkpoint, tokenizer: Tokenizer, fp32: Path, lexicon: Path | None) -> dict[str, Scale]:
    """Measure the input scales of the linear layers with the FP32 model in a directory."""
    names = linear_inputs(checkpoint.geometry.layers)
    observed = fp32 / "observed.onnx"
    save_with_outputs(fp32 / ONNX_FILE, names, observed)
    longest = checkpoint.geometry.longest
    sentences = sample_sentences(split=checkpoint.split)[:_CALIBRATION_SENTENCES]
    texts = [_shortened(text, tokenizer, longest) for text in sentences]
    scales = calibrate(observed, names, texts, tokenizer, read_matcher(lexicon) if lexicon else None)
    observed.unlink()
    return scales


def _shortened(text: str, tokenizer: Tokenizer, longest: int) -> str:
    """Return the beginning of a text that has at most `longest` pieces."""
    while len(tokenizer.encode(text).ids) > longest:
        text = text[: len(text) * 3 // 4]
    return text
