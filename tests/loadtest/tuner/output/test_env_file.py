"""The `.env` file holds valid settings, and keeps what else it held."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.tuner.candidates import Candidate
from loadtest.tuner.output.env_file import env_variables, merged, write_env
from ner_runtime.settings import Settings
from scripts.compose_check import COMPOSE, COMPOSE_ONLY, load, problems, read_env
from tests.support.servers.service import REPOSITORY

CANDIDATE = Candidate(workers=3, threads=2, engine="openvino")


def test_the_service_accepts_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = env_variables(CANDIDATE, 300.0)
    for name in variables.keys() - COMPOSE_ONLY:
        assert name.removeprefix("RANER_").lower() in Settings.model_fields
        monkeypatch.setenv(name, variables[name])
    settings = Settings()
    assert (settings.workers, settings.threads, settings.engine) == (3, 2, "openvino")
    assert (variables["RANER_CPUS"], variables["RANER_MEMORY"]) == ("6.0", "512m")


def test_compose_accepts_the_file(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text((COMPOSE / "env.example").read_text())
    write_env(path, env_variables(CANDIDATE, 300.0))
    compose = load(read_env(path))
    assert list(problems(compose)) == []
    service = compose["services"]["raner"]
    assert service["environment"]["RANER_ENGINE"] == "openvino"
    assert service["environment"]["RANER_WORKERS"] == 3
    assert (service["cpus"], service["mem_limit"]) == (6.0, "512m")


def test_other_lines_and_the_mode_are_kept(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# mine\nRANER_API_KEYS=secret\nRANER_WORKERS=1\nRANER_WORKERS=2\n")
    path.chmod(0o600)
    write_env(path, {"RANER_WORKERS": "4", "RANER_THREADS": "1"})
    assert path.read_text() == "# mine\nRANER_API_KEYS=secret\nRANER_WORKERS=4\nRANER_THREADS=1\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_utf_8_in_every_locale(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# 我的设置\n", encoding="utf-8")
    program = (
        "from pathlib import Path; from loadtest.tuner.output.env_file import write_env; "
        f"write_env(Path({str(path)!r}), {{}})"
    )
    subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", program],
        cwd=REPOSITORY,
        env={"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"},
        check=True,
    )
    assert path.read_text(encoding="utf-8") == "# 我的设置\n"


def test_a_new_file_is_for_its_owner_only(tmp_path: Path) -> None:
    write_env(tmp_path / "new" / ".env", {"RANER_WORKERS": "4"})
    assert stat.S_IMODE((tmp_path / "new" / ".env").stat().st_mode) == 0o600


@given(st.dictionaries(st.from_regex(r"[A-Z_]+", fullmatch=True), st.from_regex(r"[a-z0-9]*", fullmatch=True)))
def test_merging_twice_changes_nothing(variables: dict[str, str]) -> None:
    once = merged("# comment\nA=1\n", variables)
    assert merged(once, variables) == once
    assert "# comment" in once
