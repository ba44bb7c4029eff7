"""Exit codes and messages of the `raner` command."""

from __future__ import annotations

import pytest

from tests.support.command import Raner
from tests.support.raner import raner, shell


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["predict"], 2, "give either a TEXT or --input FILE"),
        (["predict", "马云", "--input", "-"], 2, "give either a TEXT or --input FILE"),
        (["predict", "马云", "--format", "xml"], 2, "'xml' is not"),
        (["predict", "--input="], 2, "give either a TEXT or --input FILE"),
        (["perdict"], 2, "perdict"),
        (["predict", "--input", "-", "--plain", "--field", "x"], 2, "give either --plain or --field NAME"),
        (["predict", "--input", "-", "--encoding", "utf-9"], 2, "unknown encoding 'utf-9'"),
        (["predict", "马云", "--types", "DOG"], 1, "raner: unknown entity type 'DOG'; the types of this model are"),
        (["predict", "马云", "--model", "/no/such"], 1, "raner: model /no/such is not a directory"),
        (["predict", "--input", "/no/such"], 1, "raner: /no/such cannot be read: No such file or directory"),
        (["evaluate", "/no/such"], 1, "raner: /no/such cannot be read"),
        (["evaluate", "/dev/null"], 1, "raner: /dev/null, line 1: the file is empty"),
        (["import", "/no/such", "--min-agreement", "2"], 2, "--min-agreement"),
        (["evaluate", "/dev/null", "--map", "/no/such#x"], 1, "raner: /no/such cannot be read"),
        (["bench", "--url", "localhost:3000"], 2, "is not a URL"),
        (["bench", "--url", "http://localhost:abc"], 2, "is not a URL"),
        (["info", "/"], 1, "raner: / is not a model directory"),
    ],
)
def test_wrong_usage_and_failures(run_raner: Raner, arguments: list[str], status: int, message: str) -> None:
    run = run_raner(*arguments)
    assert (run.status, run.out) == (status, "")
    assert message in run.err


def test_wrong_usage_ends_the_process_with_status_2() -> None:
    run = raner("perdict")
    assert (run.returncode, run.stdout) == (2, b"")
    assert b"perdict" in run.stderr
    assert b"Traceback" not in run.stderr


def test_wrong_setting_is_named() -> None:
    run = raner("predict", "马云", RANER_THREADS="-3")
    assert (run.returncode, run.stderr) == (1, b"raner: RANER_THREADS is '-3'; allowed: 0 to 256\n")


@pytest.mark.parametrize("command", ["predict 马云", "predict 马云 --format table", "info", "info --json", "models"])
def test_full_disk_is_one_line(command: str) -> None:
    run = shell(f"{command} > /dev/full")
    assert (run.returncode, run.stderr) == (1, b"raner: the output: No space left on device\n")


def test_a_closed_pipe_of_a_table_is_not_an_error() -> None:
    run = shell("models | true")
    assert (run.returncode, run.stderr) == (0, b"")


def test_messages_that_cannot_be_written_are_an_error() -> None:
    assert shell("predict 马云 --types DOG 2>&1 | true").returncode == 1


def test_tables_in_an_encoding_without_chinese() -> None:
    run = raner("predict", "马云在杭州。", "--format", "table", PYTHONIOENCODING="ascii")
    assert (run.returncode, run.stderr) == (0, b"")
    assert b"\\u676d\\u5dde" in run.stdout


def test_closed_streams_are_one_line() -> None:
    assert shell("predict 马云 >&-").stderr == b"raner: the standard output is closed\n"
    assert shell("predict --input - <&-").stderr == b"raner: the standard input is closed\n"
