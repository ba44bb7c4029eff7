"""Memory: what is loaded stays out of the garbage collector's way, and what is let go returns to the system."""

from __future__ import annotations

import ctypes
import gc

_GENERATIONS = (50_000, 20, 1000)
_OUT_OF_MEMORY = ("bad_alloc", "bad allocation", "failed to allocate")


def settle() -> None:
    """Take what is loaded now out of the collector's sight: collecting around it costs tens of milliseconds a time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GENERATIONS)


def give_back() -> None:
    """After something large was let go: give its memory back to the system, and settle again."""
    gc.unfreeze()
    settle()
    try:
        # The C library keeps what was freed for itself; the GNU one can be told not to.
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:
        return


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python, NumPy or ONNX Runtime says that there was no memory."""
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in _OUT_OF_MEMORY)
