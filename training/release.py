"""Release: a trained checkpoint becomes the embedded model: export, INT8, comparison with FP32, default types.

python -m training.release
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ner_runtime.embedded import embedded_model
from ner_runtime.manifest import MODEL_FILE, Source
from ner_runtime.models.convert.build import Stated, build_model_directory
from training.run import WORK

NAME = "raner-mini"
DEFAULT_TYPES = ("PER", "LOC", "ORG")
COLORS = {"TIME": "blue", "TITLE": "green", "MONEY": "magenta"}
# Most of its examples are single sentences, and in stretches of several it wavers.
STATED = Stated(default_types=DEFAULT_TYPES, colors=COLORS, window=254, by_sentence=True)


def release(checkpoint: Path, target: Path) -> None:
    """Put the model made of a checkpoint in the place of `target`; what else lies there (the card) stays."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".release-") as folder:
        built = Path(folder) / NAME
        build_model_directory(checkpoint, built, NAME, source=Source(id=NAME), stated=STATED, progress=print)
        # The manifest last: until then the old one does not fit the new files, and nobody opens the mixture.
        for path in sorted(built.iterdir(), key=lambda path: path.name == MODEL_FILE):
            shutil.move(path, target / path.name)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make the embedded model of a trained checkpoint.")
    parser.add_argument("--checkpoint", type=Path, default=WORK / NAME)
    parser.add_argument("--target", type=Path, default=embedded_model())
    options = parser.parse_args(arguments)
    release(options.checkpoint, options.target)
    print(options.target)


if __name__ == "__main__":
    main()
