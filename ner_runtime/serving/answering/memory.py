"""Memory of a worker: keep loaded objects out of garbage collection, and return freed memory to the system."""

from __future__ import annotations

import ctypes
import gc

_GC_THRESHOLDS = (50_000, 20, 1000)
_OUT_OF_MEMORY = ("bad_alloc", "bad allocation", "failed to allocate")


def freeze_loaded_objects() -> None:
    """Exclude all objects that exist now from garbage collection; scanning them would take tens of milliseconds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def release_memory() -> None:
    """Return freed memory to the system and freeze the remaining objects; call it after dropping a large object."""
    gc.unfreeze()
    freeze_loaded_objects()
    try:
        # glibc keeps freed memory for later allocations unless it is asked to return it. Other C libraries lack this.
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:
        return


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error of Python, NumPy or ONNX Runtime means that an allocation failed."""
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in _OUT_OF_MEMORY)
