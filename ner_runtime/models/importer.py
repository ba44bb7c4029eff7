"""Importer: a checkpoint to a model directory.

checkpoint ─▶ FP32 model ─▶ compare with PyTorch ─▶ calibrate ─▶ INT8 model ─▶ compare entities ─▶ model.json
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx

from ner_runtime.manifest import (
    CRF_FILE,
    FILES,
    ONNX_FILE,
    VOCAB_FILE,
    Agreement,
    Manifest,
    Precision,
    Source,
    file_sha256,
    write_manifest,
)
from ner_runtime.models.agreement import BAR, entity_f1
from ner_runtime.models.calibrate import calibrate
from ner_runtime.models.checkpoint import Checkpoint, read_checkpoint
from ner_runtime.models.export import Arithmetic, Fp32, export, linear_inputs
from ner_runtime.models.label_mapping import entity_types
from ner_runtime.models.quantize import Int8
from ner_runtime.models.sample import sample_sentences
from ner_runtime.recognizer import Recognizer
from ner_runtime.tokenizer import Tokenizer

Progress = Callable[[str], None]


def build_model_directory(
    checkpoint_dir: Path,
    out_dir: Path,
    name: str,
    precision: Precision = "int8",
    *,
    source: Source | None = None,
    progress: Progress = lambda message: None,
) -> Manifest:
    """Make a model directory out of a checkpoint. `out_dir` must not exist; it is there complete or not at all.

    Raises:
        UnsupportedCheckpoint, InvalidCheckpoint: see `read_checkpoint`.
    """
    progress("reading the checkpoint")
    checkpoint = read_checkpoint(checkpoint_dir)
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out_dir.name}-", dir=out_dir.parent) as staging:
        fp32 = Path(staging) / "fp32"
        progress("exporting to ONNX")
        manifest = _write(fp32, checkpoint, Fp32(), name, "fp32", source or Source(id=name))
        chosen = fp32
        if precision == "int8":
            int8 = Path(staging) / "int8"
            progress("calibrating")
            scales = _scales(checkpoint, Path(staging))
            manifest = _write(int8, checkpoint, Int8(scales), name, "int8", source or Source(id=name))
            progress("comparing INT8 with FP32")
            sentences = sample_sentences()
            f1 = entity_f1(Recognizer.open(fp32).recognize(sentences), Recognizer.open(int8).recognize(sentences))
            agreement = Agreement(f1=f1, sentences=len(sentences), bar=BAR)
            progress(f"agreement {f1:.4f}")
            manifest = manifest.model_copy(update={"agreement": agreement})
            write_manifest(int8, manifest)
            chosen = int8
        os.rename(chosen, out_dir)
    return manifest


def _write(
    directory: Path, checkpoint: Checkpoint, arithmetic: Arithmetic, name: str, precision: Precision, source: Source
) -> Manifest:
    directory.mkdir()
    onnx.save(export(checkpoint, arithmetic), directory / ONNX_FILE)
    np.savez(
        directory / CRF_FILE,
        start_transitions=checkpoint.crf.start_transitions,
        end_transitions=checkpoint.crf.end_transitions,
        transitions=checkpoint.crf.transitions,
    )
    shutil.copyfile(checkpoint.vocab, directory / VOCAB_FILE)
    files = {file: file_sha256(directory / file) for file in FILES}
    types = entity_types(checkpoint.labels)
    version = hashlib.sha256("".join(files[file] for file in FILES).encode()).hexdigest()[:12]
    manifest = Manifest(
        name=name,
        version=version,
        source=source,
        labels=checkpoint.labels,
        types=types,
        default_types=types,
        geometry=checkpoint.geometry,
        lowercase=checkpoint.lowercase,
        precision=precision,
        files=files,
    )
    write_manifest(directory, manifest)
    return manifest


def _scales(checkpoint: Checkpoint, staging: Path):
    names = linear_inputs(checkpoint.geometry.layers)
    path = staging / "calibration.onnx"
    onnx.save(export(checkpoint, Fp32(), show=names), path)
    tokenizer = Tokenizer.from_file(checkpoint.vocab, lowercase=checkpoint.lowercase)
    return calibrate(path, names, sample_sentences(200), tokenizer)
