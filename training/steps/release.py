"""Make the embedded model from a trained checkpoint: export it, convert it to INT8, and compare it with FP32.

python -m training.steps.release
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ner_runtime.embedded import embedded_model
from ner_runtime.manifest import MODEL_FILE, Source
from ner_runtime.models.convert.build import ModelOptions, build_model_directory
from training.run import WORK

NAME = "raner-mini"
DEFAULT_TYPES = ("PER", "LOC", "ORG")
COLORS = {"TIME": "blue", "TITLE": "green", "MONEY": "magenta"}
# Most training examples are single sentences; texts of several sentences are read less reliably.
STATED = ModelOptions(default_types=DEFAULT_TYPES, colors=COLORS, window=254, by_sentence=True, skip_markup=True)


def release(checkpoint: Path, target: Path, lexicon: Path | None = None) -> None:
    """Replace the model in `target` with one made from a checkpoint; other files, such as the card, are kept."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".release-") as folder:
        built = Path(folder) / NAME
        build_model_directory(
            checkpoint, built, NAME, source=Source(id=NAME), options=STATED, lexicon=lexicon, progress=print
        )
        # The manifest comes last: until then the old one does not match the new files, and opening them fails.
        for path in sorted(built.iterdir(), key=lambda path: path.name == MODEL_FILE):
            shutil.move(path, target / path.name)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make the embedded model from a trained checkpoint.")
    parser.add_argument("--checkpoint", type=Path, default=WORK / NAME)
    parser.add_argument("--lexicon", type=Path, default=None, help="the folder of the lexicon that it was trained with")
    parser.add_argument("--target", type=Path, default=embedded_model())
    options = parser.parse_args(arguments)
    release(options.checkpoint, options.target, options.lexicon)
    print(options.target)


if __name__ == "__main__":
    main()
