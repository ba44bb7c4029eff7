#!/usr/bin/env python3
"""Write the generated parts of README.md and README.zh-CN.md anew: `make readme`.

A generated part stands between `<!-- name -->` and `<!-- /name -->`. `settings` comes from the settings table, `answer`
from the real service: it is what the README's own curl call answers, with line breaks; `accuracy` is what `make
bench-accuracy` has measured.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ner_runtime.cli.ladder import own_service
from ner_runtime.settings import PREFIX, Settings, settings_table

REPOSITORY = Path(__file__).resolve().parent.parent
ENGLISH = REPOSITORY / "README.md"
CHINESE = REPOSITORY / "README.zh-CN.md"
ACCURACY = REPOSITORY / "docs" / "accuracy.md"
ADDRESS = "localhost:3000"

_CURL = re.compile(r"^curl .*?[^\\]$", re.MULTILINE | re.DOTALL)
_CHINESE_HEAD = ("| 设置 | 默认值 | 允许的值 | 作用 |", "| --- | --- | --- | --- |")


def part(text: str, name: str) -> str:
    """What stands between the marks of a generated part."""
    return _marked(name).search(text)[2]  # type: ignore[index]


def with_part(text: str, name: str, content: str) -> str:
    """The text with a generated part replaced."""
    replaced, count = _marked(name).subn(lambda found: f"{found[1]}{content}{found[3]}", text)
    if count != 1:
        raise SystemExit(f"readme: <!-- {name} --> is there {count} times, not once")
    return replaced


def curl_call(text: str, url: str) -> str:
    """The first curl call of a README, to be sent to `url`."""
    found = _CURL.search(text)
    if not found or ADDRESS not in found[0]:
        raise SystemExit(f"readme: there is no curl call to {ADDRESS}")
    return found[0].replace(ADDRESS, url.removeprefix("http://"))


def answer_of(text: str, url: str) -> dict[str, Any]:
    """What a running service answers to a README's curl call."""
    # The command is this repository's own README, typed as a reader would.
    run = subprocess.run(["bash", "-c", curl_call(text, url)], capture_output=True, check=True, timeout=60)
    return json.loads(run.stdout)


def laid_out(answer: dict[str, Any]) -> str:
    """An answer as a fenced block, one entity a line."""

    def line(value: object) -> str:
        return json.dumps(value, ensure_ascii=False)

    entities = ",\n".join(f"    {line(entity)}" for entity in answer["data"])
    parts = [f'  "success": {line(answer["success"])}', f'  "data": [\n{entities}\n  ]']
    parts += [f'  "meta": {line(answer["meta"])}']
    return "\n```json\n{\n" + ",\n".join(parts) + "\n}\n```\n"


def chinese_settings_table(current: str) -> str:
    """The settings in Chinese: names and defaults from the code, the two columns in Chinese as they were written.

    A setting that has none yet gets the English ones, and a test fails until they are translated.
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
    """The cells of each row after its first one, by its first one."""
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table.splitlines() if "|" in row]
    return {first: rest for first, *rest in cells if first.startswith(f"`{PREFIX}")}


def _marked(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {name} -->)(.*?)(<!-- /{name} -->)", re.DOTALL)


def main() -> None:
    english, chinese = ENGLISH.read_text(encoding="utf-8"), CHINESE.read_text(encoding="utf-8")
    english = with_part(english, "settings", f"\n{settings_table()}\n")
    chinese = with_part(chinese, "settings", chinese_settings_table(part(chinese, "settings")))
    scores = f"\n{ACCURACY.read_text(encoding='utf-8')}"
    english, chinese = (with_part(text, "accuracy", scores) for text in (english, chinese))
    if "--settings" not in sys.argv[1:]:
        with own_service({}) as url:
            answer = laid_out(answer_of(english, url))
        english, chinese = (with_part(text, "answer", answer) for text in (english, chinese))
    ENGLISH.write_text(english, encoding="utf-8")
    CHINESE.write_text(chinese, encoding="utf-8")


if __name__ == "__main__":
    main()
