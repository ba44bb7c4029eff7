"""In INT8, the entities of a text do not depend on other texts or on padding, with both engines."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from ner_runtime import Recognizer
from ner_runtime.entities import Entity
from ner_runtime.inference.engine import EngineName
from ner_runtime.inference.tokenizers.wordpiece import WordPieceTokenizer, WordPieceVocabulary
from ner_runtime.manifest import VOCAB_FILE, read_manifest
from ner_runtime.models.convert.build import build_model_directory
from tests.support.models.checkpoints import BASE, write_checkpoint
from tests.support.texts.generated import generated_texts

TEXTS = 500
ENGINES: list[EngineName] = ["onnxruntime", "openvino"]


def keys(entities: list[Entity]) -> list[tuple[str, int, int]]:
    return [(entity.type, entity.start, entity.end) for entity in entities]


def check(model: Path, engine: EngineName) -> None:
    assert read_manifest(model).precision == "int8"
    recognizer = Recognizer.open(model, engine=engine)
    texts = generated_texts(
        TEXTS, 11, WordPieceTokenizer(WordPieceVocabulary.from_file(model / VOCAB_FILE, lowercase=True))
    )
    alone = [keys(recognizer.recognize([text])[0]) for text in texts]
    assert sum(map(len, alone)) > TEXTS
    random = Random(0)
    for budget in (512, 8192):
        together = Recognizer.open(model, engine=engine, max_batch_tokens=budget)
        order = random.sample(range(TEXTS), TEXTS)
        cuts = sorted({0, TEXTS, *random.sample(range(TEXTS), 60)})
        for start, end in pairwise(cuts):
            found = together.recognize([texts[index] for index in order[start:end]])
            for index, entities in zip(order[start:end], found, strict=True):
                assert keys(entities) == alone[index]


@pytest.mark.parametrize("engine", ENGINES)
def test_batches_do_not_matter(int8_model: Path, engine: EngineName) -> None:
    check(int8_model, engine)


@pytest.fixture(scope="module")
def base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    build_model_directory(write_checkpoint(folder / "checkpoint", BASE), folder / "model", "base", min_agreement=0.0)
    return folder / "model"


@pytest.mark.parity
@pytest.mark.parametrize("engine", ENGINES)
def test_batches_do_not_matter_with_the_base_geometry(base_model: Path, engine: EngineName) -> None:
    check(base_model, engine)
