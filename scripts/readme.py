#!/usr/bin/env python3
"""Update the generated parts of the READMEs and of the settings pages: `make readme`.

A generated part is enclosed in `<!-- name -->` and `<!-- /name -->`:

    settings   docs/settings.md, docs/settings.zh-CN.md: the table of settings, from `ner_runtime.settings`
    response   READMEs: the response of a running service to the README's own curl command
    accuracy   READMEs: the table of `docs/accuracy.md`, which `make bench-accuracy` writes

`--settings` skips `response`, so that no service is started.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ner_runtime.serving.lifecycle.service_process import service_process
from ner_runtime.settings import PREFIX, Settings, settings_table

REPOSITORY = Path(__file__).resolve().parent.parent
ENGLISH = REPOSITORY / "README.md"
CHINESE = REPOSITORY / "README.zh-CN.md"
ENGLISH_SETTINGS = REPOSITORY / "docs" / "settings.md"
CHINESE_SETTINGS = REPOSITORY / "docs" / "settings.zh-CN.md"
ACCURACY = REPOSITORY / "docs" / "accuracy.md"
ADDRESS = "localhost:3000"

_CURL = re.compile(r"^curl .*?[^\\]$", re.MULTILINE | re.DOTALL)
_CHINESE_HEAD = ("| 设置 | 默认值 | 允许的值 | 作用 |", "| --- | --- | --- | --- |")


def part(text: str, name: str) -> str:
    """Return the content of a generated part."""
    return _marked(name).search(text)[2]  # type: ignore[index]


def with_part(text: str, name: str, content: str) -> str:
    """Return the text with the content of a generated part replaced."""
    replaced, count = _marked(name).subn(lambda found: f"{found[1]}{content}{found[3]}", text)
    if count != 1:
        raise SystemExit(f"readme: expected <!-- {name} --> once, found it {count} times")
    return replaced


def curl_command(text: str, url: str) -> str:
    """Return the first curl command of a README, with the service's address replaced by `url`."""
    found = _CURL.search(text)
    if not found or ADDRESS not in found[0]:
        raise SystemExit(f"readme: found no curl command for {ADDRESS}")
    return found[0].replace(ADDRESS, url.removeprefix("http://"))


def response_of(text: str, url: str) -> dict[str, Any]:
    """Run a README's curl command against the service at `url` and return the response."""
    # The command comes from this repository's README and runs in a shell, as a reader would run it.
    run = subprocess.run(["bash", "-c", curl_command(text, url)], capture_output=True, check=True, timeout=60)
    return json.loads(run.stdout)


def fenced(response: dict[str, Any]) -> str:
    """Format a response as a fenced code block with one entity per line."""

    def line(value: object) -> str:
        return json.dumps(value, ensure_ascii=False)

    entities = ",\n".join(f"    {line(entity)}" for entity in response["data"])
    parts = [f'  "success": {line(response["success"])}', f'  "data": [\n{entities}\n  ]']
    parts += [f'  "meta": {line(response["meta"])}']
    return "\n```json\n{\n" + ",\n".join(parts) + "\n}\n```\n"


def accuracy_table() -> str:
    """Return the table of `docs/accuracy.md`."""
    rows = [line for line in ACCURACY.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    return "\n" + "\n".join(rows) + "\n"


def chinese_settings_table(current: str) -> str:
    """Return the settings table in Chinese.

    Names and defaults come from the code, the other two columns from `current`, the existing table. A setting that is
    missing there gets the English text, and a test fails until the text is translated.
    """
    english, chinese = _rows(settings_table()), _rows(current)
    rows: list[str] = [*_CHINESE_HEAD]
    for field in Settings.model_fields:
        name = f"`{PREFIX}{field.upper()}`"
        default, *described = english[name]
        default = "CPU 数" if default == "CPUs" else default
        rows.append(f"| {' | '.join([name, default, *chinese.get(name, ['', *described])[1:]])} |")
    return "\n" + "\n".join(rows) + "\n"


def _rows(table: str) -> dict[str, list[str]]:
    """Return the rows of a settings table by setting: the first cell of a row mapped to its other cells."""
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table.splitlines() if "|" in row]
    return {first: rest for first, *rest in cells if first.startswith(f"`{PREFIX}")}


def _marked(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {name} -->)(.*?)(<!-- /{name} -->)", re.DOTALL)


def _update_settings() -> None:
    english, chinese = ENGLISH_SETTINGS.read_text(encoding="utf-8"), CHINESE_SETTINGS.read_text(encoding="utf-8")
    english = with_part(english, "settings", f"\n{settings_table()}\n")
    chinese = with_part(chinese, "settings", chinese_settings_table(part(chinese, "settings")))
    ENGLISH_SETTINGS.write_text(english, encoding="utf-8")
    CHINESE_SETTINGS.write_text(chinese, encoding="utf-8")


def main() -> None:
    """Update the generated parts of the READMEs and of the settings pages."""
    _update_settings()
    english, chinese = ENGLISH.read_text(encoding="utf-8"), CHINESE.read_text(encoding="utf-8")
    scores = accuracy_table()
    english, chinese = (with_part(text, "accuracy", scores) for text in (english, chinese))
    if "--settings" not in sys.argv[1:]:
        with service_process({"RANER_WORKERS": "1", "RANER_CACHE_URL": "off"}) as service:
            response = fenced(response_of(english, service.url))
        english, chinese = (with_part(text, "response", response) for text in (english, chinese))
    ENGLISH.write_text(english, encoding="utf-8")
    CHINESE.write_text(chinese, encoding="utf-8")


if __name__ == "__main__":
    main()
