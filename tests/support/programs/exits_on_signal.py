"""A program that waits inside `exit_on_signal` while a thread that never ends keeps Python from exiting.

`python -m tests.support.programs.exits_on_signal [ignored]`; with `ignored`, SIGINT is ignored from the start.
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
        print("ready", flush=True)  # noqa: T201
        for line in sys.stdin:
            print(line, end="", flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    main()
