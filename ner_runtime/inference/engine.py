"""Run `model.onnx` with ONNX Runtime or OpenVINO: piece ids in, logits out.

Engines are safe to use from several threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ner_runtime.errors import EngineUnavailable, InvalidModel, MissingExtra
from ner_runtime.inference.graph.fusion import fused_model

if TYPE_CHECKING:
    from ner_runtime.inference.crf import Floats
    from ner_runtime.lexicon.features import Flags

EngineName = Literal["onnxruntime", "openvino"]
PrecisionHint = Literal["f32", "bf16"]
"""The precision that OpenVINO may use for the float32 operations of a model."""
LENGTH_STEPS: Mapping[EngineName, int] = {"onnxruntime": 1, "openvino": 8}
"""The lengths of batches are padded to multiples of these numbers.

OpenVINO compiles kernels for each new shape, which takes longer than running them: with few lengths it has them soon.
"""
Device = Literal["cpu", "cuda"]
_WIDE = 512
"""Width from which an encoder counts as wide; the published base models have 768."""
Ids64 = NDArray[np.int64]

_CUDA = "CUDAExecutionProvider"
_WEIGHTS_DIRECTORY = "session.model_external_initializers_file_folder_path"


class Engine(Protocol):
    """Interface between the recognizer and an inference engine."""

    def logits(self, input_ids: Ids64, attention_mask: Ids64, lexicon: Flags | None = None) -> Floats:
        """Compute logits: (batch, sequence), (batch, sequence), (batch, sequence, flags) → (batch, sequence, labels).

        `lexicon` must be given if the model declares a lexicon, and only then.
        """
        ...


class OnnxRuntimeEngine:
    """Runs a model with ONNX Runtime, on the CPU or, with its CUDA provider, on a GPU."""

    def __init__(self, path: Path, *, threads: int, device: Device) -> None:
        """Load `path`.

        Raises:
            EngineUnavailable: the device is not available.
            InvalidModel: the file cannot be loaded.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Spinning threads occupy cores that other workers need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Shapes differ from batch to batch; a memory plan for every shape would only use more memory.
        options.enable_mem_pattern = False
        options.log_severity_level = 3
        providers = _providers(device)
        # The fused operators exist for the CPU only.
        model = fused_model(path.resolve()) if device == "cpu" else None
        # ONNX Runtime accepts references to weights in this directory only, not through symbolic links.
        options.add_session_config_entry(_WEIGHTS_DIRECTORY, str(path.resolve().parent))
        try:
            self._session = ort.InferenceSession(model or str(path), options, providers=providers)
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's exceptions share no base class of their own
            raise InvalidModel(f"{path} cannot be loaded: {_first_line(error)}") from None
        if self._session.get_providers()[0] != providers[0]:
            raise EngineUnavailable("RANER_DEVICE=cuda: ONNX Runtime found no usable GPU, driver or CUDA library")

    def logits(self, input_ids: Ids64, attention_mask: Ids64, lexicon: Flags | None = None) -> Floats:
        feed = _feed(input_ids, attention_mask, lexicon)
        return np.asarray(self._session.run(["logits"], feed)[0], dtype=np.float32)  # (batch, sequence, labels)


class OpenVinoEngine:
    """Runs a model with OpenVINO, on the CPU."""

    def __init__(self, path: Path, *, threads: int, precision_hint: PrecisionHint = "f32") -> None:
        """Load `path`. `bf16` is faster on processors with AMX or AVX512-BF16, and less exact.

        Raises:
            MissingExtra: OpenVINO is not installed.
            InvalidModel: the file cannot be loaded.
        """
        try:
            import openvino
        except ImportError:
            raise MissingExtra("RANER_ENGINE=openvino needs OpenVINO: pip install 'ner_runtime[openvino]'") from None
        properties: dict[str, object] = {"INFERENCE_NUM_THREADS": threads}
        properties |= {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}
        # Several workers would pin their threads to the same CPU.
        properties |= {"INFERENCE_PRECISION_HINT": precision_hint, "ENABLE_CPU_PINNING": False}
        try:
            self._compiled = openvino.Core().compile_model(str(path), "CPU", properties)
        except RuntimeError as error:
            raise InvalidModel(f"{path} cannot be loaded: {_first_line(error)}") from None

    def logits(self, input_ids: Ids64, attention_mask: Ids64, lexicon: Flags | None = None) -> Floats:
        # One inference request per call: the default request of a compiled model is not thread-safe.
        request = self._compiled.create_infer_request()
        results = request.infer(_feed(input_ids, attention_mask, lexicon))
        return np.asarray(results["logits"], dtype=np.float32)  # (batch, sequence, labels)


def default_batch_tokens(hidden: int, device: Device = "cpu") -> int:
    """Return the token budget of a batch if the model was not calibrated.

    On a CPU, a wide encoder takes more time per token in large batches. A GPU needs large batches; its value was not
    measured.

    Args:
        hidden: width of the encoder
        device: the device of the engine
    """
    if device == "cuda":
        return 2048
    return 256 if hidden >= _WIDE else 512


def open_engine(
    path: Path,
    *,
    name: EngineName = "onnxruntime",
    device: Device = "cpu",
    threads: int = 1,
    precision_hint: PrecisionHint = "f32",
) -> Engine:
    """Load `model.onnx` with the engine `name`. ONNX Runtime ignores `precision_hint`.

    Raises:
        EngineUnavailable: the engine does not support the device, or the device is not available.
        MissingExtra: the engine's package is not installed.
        InvalidModel: the file cannot be loaded.
    """
    if name == "onnxruntime":
        return OnnxRuntimeEngine(path, threads=threads, device=device)
    if device != "cpu":
        raise EngineUnavailable(f"RANER_ENGINE=openvino supports RANER_DEVICE=cpu only, not {device}")
    return OpenVinoEngine(path, threads=threads, precision_hint=precision_hint)


def _feed(input_ids: Ids64, attention_mask: Ids64, lexicon: Flags | None) -> dict[str, NDArray[Any]]:
    feed: dict[str, NDArray[Any]] = {"input_ids": input_ids, "attention_mask": attention_mask}
    return feed if lexicon is None else feed | {"lexicon": lexicon}


def _providers(device: Device) -> list[str]:
    if device == "cpu":
        return ["CPUExecutionProvider"]
    if _CUDA not in ort.get_available_providers():
        raise EngineUnavailable(
            "RANER_DEVICE=cuda: this ONNX Runtime has no CUDA provider; install onnxruntime-gpu and the CUDA libraries"
        )
    return [_CUDA, "CPUExecutionProvider"]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
