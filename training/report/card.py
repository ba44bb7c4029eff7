"""Write the model card of the embedded model, with its measured scores and the entities it finds in examples.

    python -m training.report.card

`card.md` is the template of the card, in which `@@NAME@@` is replaced with a measured part. `everyday.txt` and
`everyday_more.txt` hold everyday sentences that were written for the card, with names annotated as `[name|TYPE]`.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ner_runtime import Entity, Recognizer
from ner_runtime.embedded import embedded_model
from ner_runtime.evaluation import Tally, evaluate, read_type_map
from ner_runtime.jsonl import read_sentences
from ner_runtime.lexicon.files import read_matcher
from ner_runtime.models.convert.build import build_model_directory
from training.data.corpora import DATA, DEV_SETS
from training.report.rewritten import rewritten_table
from training.report.robustness import robustness_table
from training.run import WORK
from training.steps.release import NAME, STATED

_HERE = Path(__file__).parent
_NAME = re.compile(r"\[([^|\[\]]+)\|([A-Z]+)\]")
_TYPES = ("PER", "LOC", "ORG", "TIME", "TITLE", "MONEY")
Name = tuple[str, int, int]
"""The type of a name, and its start and end in code points."""


def parse_everyday(line: str) -> tuple[str, set[Name]]:
    """Return the text and the names of an annotated line."""
    names: set[Name] = set()
    text, position = "", 0
    for found in _NAME.finditer(line):
        text += line[position : found.start()]
        names.add((found[2], len(text), len(text) + len(found[1])))
        text += found[1]
        position = found.end()
    return text + line[position:], names


def everyday_table(recognizer: Recognizer, file: str = "everyday.txt") -> str:
    """Return a Markdown table of all sentences, with the entities found and those missed or wrong."""
    lines = ["| | sentence | found | missed or wrong |", "| --- | --- | --- | --- |"]
    right = total = 0
    for line in (_HERE / file).read_text(encoding="utf-8").splitlines():
        text, names = parse_everyday(line)
        [entities] = recognizer.recognize([text])
        found = {(entity.type, entity.start, entity.end) for entity in entities}
        missed = "、".join(f"{text[start:end]} {type_}" for type_, start, end in sorted(names - found, key=_place))
        extra = "、".join(f"~~{text[start:end]} {type_}~~" for type_, start, end in sorted(found - names, key=_place))
        right, total = right + (found == names), total + 1
        mark = "✓" if found == names else "✗"
        lines.append(f"| {mark} | {text} | {_list(entities)} | {' '.join(filter(None, (missed, extra)))} |")
    return "\n".join([f"{right} of {total} sentences are answered without an error.", "", *lines])


def score_table(recognizer: Recognizer, full: Recognizer, data: Path) -> str:
    """Return a Markdown table of entity F1, in percent, on every dev set and `msra/test`, of all types and each type.

    Args:
        recognizer: the model as shipped
        full: the model in FP32
        data: the folder with `ner/`
    """
    lines = [f"| set | all | {' | '.join(_TYPES)} | all, FP32 |", f"| --- |{' ---: |' * (len(_TYPES) + 2)}"]
    for name in (*(f"{each}/dev" for each in DEV_SETS), "msra/test"):
        tally, exact = _tally(recognizer, data, name), _tally(full, data, name)
        scored = tally.scored(recognizer.types)
        each = [_percent(tally, [type_]) if type_ in scored else "" for type_ in _TYPES]
        lines.append(f"| {name} | {_percent(tally, scored)} | {' | '.join(each)} | {_percent(exact, scored)} |")
    return "\n".join(lines)


def in_full(checkpoint: Path, lexicon: Path | None) -> Recognizer:
    """Open the FP32 model of a checkpoint, with the settings of the embedded model."""
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / NAME
        build_model_directory(checkpoint, built, NAME, "fp32", options=STATED, lexicon=lexicon)
        return Recognizer.open(built)


def _tally(recognizer: Recognizer, data: Path, name: str) -> Tally:
    mapping = read_type_map(f"{data / 'ner' / 'TYPE_MAP.json'}#{name.partition('/')[0]}") or {}
    return evaluate(recognizer, read_sentences(str(data / "ner" / f"{name}.jsonl.gz")), mapping)


def _percent(tally: Tally, types: Sequence[str]) -> str:
    return f"{100 * tally.score(types).f1:.1f}"


def _list(entities: Sequence[Entity]) -> str:
    return "、".join(f"{entity.span} {entity.type}" for entity in entities)


def _place(name: Name) -> int:
    return name[1]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write the model card of the embedded model.")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--model", type=Path, default=embedded_model())
    parser.add_argument(
        "--checkpoint", type=Path, default=WORK / NAME, help="the checkpoint of the model, for its FP32 scores"
    )
    parser.add_argument("--lexicon", type=Path, default=None, help="the folder of the lexicon of the checkpoint")
    options = parser.parse_args(arguments)
    recognizer = Recognizer.open(options.model)
    manifest, geometry = recognizer.manifest, recognizer.manifest.geometry
    size = sum(path.stat().st_size for path in options.model.iterdir() if path.suffix != ".md") / 1e6
    entries = len(read_matcher(options.model)) if manifest.lexicon_kinds else 0
    parts = {
        "VERSION": manifest.version,
        "GEOMETRY": f"{geometry.layers} layers of {geometry.hidden} (inner {geometry.intermediate}, "
        f"{geometry.heads} heads), {geometry.vocab} pieces, {geometry.positions} positions",
        "LEXICON": f"{entries:,} entries of {len(manifest.lexicon_kinds)} kinds" if entries else "none",
        "SIZE": f"{size:.1f} MB",
        "AGREEMENT": f"{manifest.agreement.f1:.4f}" if manifest.agreement else "not measured",
        "SCORES": score_table(recognizer, in_full(options.checkpoint, options.lexicon), options.data),
        "REWRITTEN": rewritten_table(recognizer, options.data),
        "EVERYDAY": everyday_table(recognizer),
        "MORE": everyday_table(recognizer, "everyday_more.txt"),
        "ROBUSTNESS": robustness_table(recognizer),
    }
    card = (_HERE / "card.md").read_text(encoding="utf-8")
    for name, value in parts.items():
        card = card.replace(f"@@{name}@@", value)
    (options.model / "README.md").write_text(card, encoding="utf-8")


if __name__ == "__main__":
    main()
