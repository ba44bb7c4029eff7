"""Read the tensors of a checkpoint without executing code from the file.

`pytorch_model.bin` is read with `torch.load(weights_only=True)`, memory-mapped, after its archive is checked.
`model.safetensors` contains only tensors by design. Tensor names are returned unchanged.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ner_runtime.errors import InvalidCheckpoint, MissingExtra
from ner_runtime.models.checkpoint.safe_files import file_inside

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[Any]

TORCH_FILE = "pytorch_model.bin"
SAFETENSORS_FILE = "model.safetensors"
_MAX_PICKLE_BYTES = 16 * 2**20
_HUB_EXTRA = "pip install 'ner_runtime[hub]'"


def read_state_dict(directory: Path) -> dict[str, Array]:
    """Return every floating-point tensor of the checkpoint by name, as a view of the file where possible.

    If both `pytorch_model.bin` and `model.safetensors` exist, the first is read, as in ModelScope.

    Raises:
        InvalidCheckpoint: the weights are missing, or the file is damaged or contains anything but tensors.
        MissingExtra: torch is not installed.
    """
    for name, read in ((TORCH_FILE, _read_torch), (SAFETENSORS_FILE, _read_safetensors)):
        path = file_inside(directory, name)
        if path is not None:
            return _bounded(path, read(path))
    raise InvalidCheckpoint(f"{directory} has no weights: neither {TORCH_FILE} nor {SAFETENSORS_FILE}")


def _read_torch(path: Path) -> Mapping[str, Tensor]:
    try:
        import torch
    except ImportError:
        raise MissingExtra(f"reading {TORCH_FILE} needs torch: {_HUB_EXTRA}") from None
    archive = zipfile.is_zipfile(path)
    if archive:
        _check_archive(path)
    try:
        loaded: object = torch.load(path, map_location="cpu", weights_only=True, mmap=archive)
    except Exception:  # noqa: BLE001 - torch raises errors of many types on damaged files
        raise InvalidCheckpoint(
            f"{path} is damaged or contains something other than tensors; no code in it was executed"
        ) from None
    if isinstance(loaded, Mapping) and isinstance(loaded.get("state_dict"), Mapping):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, Mapping):
        raise InvalidCheckpoint(f"{path} contains no state dict")
    return {str(name): value for name, value in loaded.items() if isinstance(value, torch.Tensor)}


def _check_archive(path: Path) -> None:
    """Reject an archive that unpacks to more than its own size. PyTorch stores tensors uncompressed."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InvalidCheckpoint(f"{path} is damaged: {error}") from None
    size = path.stat().st_size
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries) or sum(e.file_size for e in entries) > size:
        raise InvalidCheckpoint(f"{path} would unpack to more than its own size")
    if any(entry.filename.endswith(".pkl") and entry.file_size > _MAX_PICKLE_BYTES for entry in entries):
        raise InvalidCheckpoint(f"{path} contains a pickle of more than {_MAX_PICKLE_BYTES // 2**20} MiB")


def _read_safetensors(path: Path) -> Mapping[str, Tensor]:
    try:
        # Read with torch, because NumPy has no bfloat16.
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise MissingExtra(f"reading {SAFETENSORS_FILE} needs safetensors and torch: {_HUB_EXTRA}") from None
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise InvalidCheckpoint(f"{path} is damaged: {_first_line(error)}") from None


def _bounded(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, Array]:
    """Convert floating-point tensors to arrays; reject a file whose strides declare more data.

    Tied weights, which the file contains only once, become one array.
    """
    floating = {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point() and _has_numbers(tensor)}
    stored = {_place(tensor): tensor for tensor in floating.values()}
    if sum(tensor.numel() * tensor.element_size() for tensor in stored.values()) > path.stat().st_size:
        raise InvalidCheckpoint(f"{path} declares tensors larger than the file")
    arrays = {place: _array(tensor) for place, tensor in stored.items()}
    return {name: arrays[_place(tensor)] for name, tensor in floating.items()}


def _place(tensor: Tensor) -> tuple[object, ...]:
    """Return where and how the numbers of a tensor are stored."""
    return tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride()


def _has_numbers(tensor: Tensor) -> bool:
    """Return whether a tensor stores all its numbers. Sparse tensors and those on the device `meta` do not."""
    import torch

    return tensor.layout == torch.strided and not tensor.is_meta


def _array(tensor: Tensor) -> Array:
    import torch

    if tensor.dtype != torch.float32:
        tensor = tensor.to(torch.float32)
    return np.asarray(tensor.detach().numpy())


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
