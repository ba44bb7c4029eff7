from __future__ import annotations

from io import StringIO

from rich.console import Console

from ner_runtime.models.acquire.progress import Progress


def downloaded(*, terminal: bool) -> str:
    out = StringIO()
    progress = Progress(Console(file=out, force_terminal=terminal, width=100, soft_wrap=True))
    progress.say("pulling [a/b]")
    with progress.download(1_000_000) as advance:
        for _ in range(100):
            advance(10_000)
    return out.getvalue()


def test_log_has_a_line_for_each_tenth() -> None:
    lines = downloaded(terminal=False).splitlines()
    assert lines[0] == "raner: pulling [a/b]"
    assert lines[1] == "raner: downloaded 100.0 kB of 1.0 MB"
    assert lines[-1] == "raner: downloaded 1.0 MB of 1.0 MB"
    assert len(lines) == 11


def test_terminal_has_a_progress_bar() -> None:
    out = downloaded(terminal=True)
    assert "1.0/1.0 MB" in out
    assert "━" in out
