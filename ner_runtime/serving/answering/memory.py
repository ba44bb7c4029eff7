"""Memory of a worker: keep loaded objects out of garbage collection, and return freed memory to the system."""

from __future__ import annotations

import ctypes
import gc

_GC_THRESHOLDS = (50_000, 20, 1000)
_OUT_OF_MEMORY = ("bad_alloc", "bad allocation", "failed to allocate")


def release_memory() -> None:
    """Return freed memory to the system; call it after loading or dropping a model.

    Exclude the remaining objects from garbage collection, because scanning them would take tens of milliseconds.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    try:
        # glibc keeps freed memory for later allocations unless it is asked to return it. Other C libraries lack this.
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:
        return


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error of Python, NumPy or ONNX Runtime means that an allocation failed."""
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in _OUT_OF_MEMORY)
