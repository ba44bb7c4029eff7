"""Run AdaSeq on a checkpoint directory and write what it finds as JSON; see tests/parity/test_adaseq.py.

    python tests/support/programs/adaseq_oracle.py CHECKPOINT TEXTS.json OUTPUT.json

Needs `pip install adaseq==0.6.6` beside torch, transformers 4.57 and modelscope 1.40. AdaSeq is no dependency of the
tests: it has had no release since 2023, and it needs scikit-learn for its training.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def adaseq_pipeline(directory: Path) -> Any:
    from adaseq.data.preprocessors.sequence_labeling_preprocessor import SequenceLabelingPreprocessor
    from adaseq.models.sequence_labeling_model import SequenceLabelingModel
    from adaseq.pipelines.sequence_labeling_pipeline import SequenceLabelingPipeline
    from modelscope.utils.config import ConfigDict

    # ModelScope's `pipeline()` would install and import the plugin that configuration.json names.
    configuration = json.loads((directory / "configuration.json").read_text(encoding="utf-8"))
    options = {name: value for name, value in configuration["model"].items() if name != "type"}
    options["id_to_label"] = {int(id_): label for id_, label in options["id_to_label"].items()}
    options["embedder"] = ConfigDict({**options["embedder"], "model_name_or_path": str(directory)})
    model = SequenceLabelingModel(model_dir=str(directory), **options).eval()
    settings = {name: value for name, value in configuration["preprocessor"].items() if name != "type"}
    preprocessor = SequenceLabelingPreprocessor(str(directory), **settings, mode="inference")
    return SequenceLabelingPipeline(model=model, preprocessor=preprocessor, device="cpu")


def outputs(pipeline: Any, text: str) -> dict[str, Any]:
    """The pieces of a text, the first piece and the offsets of each position, and the entities."""
    tokens = pipeline.preprocessor(text)["tokens"]
    return {
        "text": text,
        "ids": tokens["input_ids"][0].tolist(),
        "first": [int(first) for first, _ in tokens["offsets"][0]][1:-1],
        "offsets": [[int(start), int(end)] for start, end in tokens["offset_mapping"][0]],
        "entities": [
            [found["type"], found["span"], int(found["start"]), int(found["end"])] for found in pipeline(text)["output"]
        ],
    }


def main() -> None:
    checkpoint, texts, output = map(Path, sys.argv[1:])
    pipeline = adaseq_pipeline(checkpoint)
    found = [outputs(pipeline, text) for text in json.loads(texts.read_text(encoding="utf-8"))]
    output.write_text("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in found) + "\n]\n", "utf-8")


if __name__ == "__main__":
    main()
