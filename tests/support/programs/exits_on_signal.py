"""A program that waits inside `exit_on_signal` while a thread that never ends keeps Python from exiting.

`python -m tests.support.programs.exits_on_signal [ignored|elsewhere]`; with `ignored`, SIGINT is ignored from the
start; with `elsewhere`, the main thread blocks the signals, so that another thread receives them.
"""

from __future__ import annotations

import signal
import sys
import threading

from ner_runtime.models.acquire.signals import exit_on_signal


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN if "ignored" in sys.argv else signal.default_int_handler)
    with exit_on_signal("stopped"):
        threading.Thread(target=threading.Event().wait).start()
        if "elsewhere" in sys.argv:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        print("ready", flush=True)  # noqa: T201
        if "ignored" in sys.argv:
            print(sys.stdin.readline(), end="", flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    main()
