"""Choose a bias for each entity type, so that a model reaches its targets on the dev sets.

The guidelines of the corpora differ, and with them how many entities of a type a text has. A bias shifts how readily a
model marks a type. It is added to the emissions of the type's labels; in the checkpoint, to the bias of the output
layer. A random search changes the biases of one or two types at a time, and keeps a change if the sum of what is
missing to the targets becomes smaller. The encoder runs only once on each text.

    python -m training.steps.type_bias --model .work/training/int8 --checkpoint .work/training/merged \\
        --output .work/training/biased
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from math import inf
from pathlib import Path
from random import Random

import numpy as np
import torch

from ner_runtime import Recognizer
from ner_runtime.evaluation import Tally, evaluate, read_type_map
from ner_runtime.inference.crf import Crf, Floats
from ner_runtime.inference.engine import Engine, Ids64, open_engine
from ner_runtime.inference.tokenizers.factory import open_tokenizer
from ner_runtime.jsonl import read_sentences
from ner_runtime.lexicon.features import Flags
from ner_runtime.lexicon.files import read_matcher
from ner_runtime.lexicon.matcher import Matcher
from ner_runtime.manifest import CRF_FILE, ONNX_FILE, read_manifest
from training.data.corpora import DATA
from training.data.targets import TARGETS, Target
from training.network.checkpoint import read_checkpoint, write_checkpoint
from training.network.tagger import Tagger

Biases = Mapping[str, float]
"""The bias of each type, in the unit of the emissions; 0 for other types."""

_DECIMALS = 3


class BiasedEngine:
    """Runs an engine once for each input, and adds the biases of the types to the logits."""

    def __init__(self, engine: Engine, labels: Sequence[str]) -> None:
        self._engine = engine
        self._labels = labels
        self._logits: dict[tuple[tuple[int, ...], bytes, bytes], Floats] = {}
        self._bias = np.zeros(len(labels), dtype=np.float32)  # (labels,)

    def set(self, biases: Biases) -> None:
        """Use other biases from now on."""
        self._bias = np.array([biases.get(label[2:], 0.0) for label in self._labels], dtype=np.float32)

    def logits(self, input_ids: Ids64, attention_mask: Ids64, lexicon: Flags | None = None) -> Floats:
        """Return the logits with the biases: (batch, sequence, labels)."""
        flags = b"" if lexicon is None else lexicon.tobytes()
        key = input_ids.shape, np.where(attention_mask, input_ids, -1).tobytes(), flags
        if key not in self._logits:
            self._logits[key] = self._engine.logits(input_ids, attention_mask, lexicon)
        return self._logits[key] + self._bias


class DevScores:
    """Measures the F1 of a model directory on the dev sets, with biases that can be changed between measurements."""

    def __init__(self, model: Path, data: Path) -> None:
        self._data = data
        manifest = read_manifest(model)
        self._engine = BiasedEngine(open_engine(model / ONNX_FILE, name="onnxruntime"), manifest.labels)

        def recognizer(lexicon: Matcher | None) -> Recognizer:
            crf = Crf.from_file(model / CRF_FILE, manifest.labels)
            return Recognizer(manifest, open_tokenizer(model, manifest), self._engine, crf, lexicon)

        lexicon = read_matcher(model) if manifest.lexicon_kinds else None
        empty = None if lexicon is None else Matcher(lexicon.trie, np.zeros_like(lexicon.kinds), lexicon.table)
        self._recognizers = {True: recognizer(lexicon), False: recognizer(empty)}

    def missing(self, targets: Sequence[Target], biases: Biases, most: float = inf) -> dict[Target, float]:
        """Return what is missing to each target, in percent; 0 if it is reached.

        Stops when the sum exceeds `most`; the result then lacks the targets that were not measured.
        """
        self._engine.set(biases)
        tallies: dict[tuple[str, bool], Tally] = {}
        found: dict[Target, float] = {}
        for target in targets:
            place = target.corpus, target.with_lexicon
            if place not in tallies:
                tallies[place] = self._tally(*place)
            tally = tallies[place]
            types = [target.type] if target.type else tally.scored(self._recognizers[True].types)
            f1 = 100 * tally.score(types).f1
            found[target] = target.f1 - f1 if round(f1, 1) < target.f1 else 0.0
            if sum(found.values()) > most:
                break
        return found

    def _tally(self, corpus: str, with_lexicon: bool) -> Tally:
        mapping = read_type_map(f"{self._data / 'ner' / 'TYPE_MAP.json'}#{corpus}") or {}
        sentences = read_sentences(str(self._data / "ner" / corpus / "dev.jsonl.gz"))
        return evaluate(self._recognizers[with_lexicon], sentences, mapping)


def search(
    missing: Callable[[Biases, float], Mapping[Target, float]],
    types: Sequence[str],
    tries: int,
    step: float,
    seed: int,
) -> tuple[dict[str, float], Mapping[Target, float]]:
    """Search for biases with the smallest sum of what is missing.

    Args:
        missing: returns what is missing to each target with the given biases; it may stop above the given sum
        types: the types that get a bias
        tries: number of changes to try
        step: standard deviation of a change

    Returns:
        The biases, and what is missing with them.
    """
    random = Random(seed)
    best: dict[str, float] = {}
    left = missing(best, inf)
    for _ in range(tries):
        least = sum(left.values())
        if not least:
            break
        changed = random.sample(types, random.choice((1, 2)))
        biases = best | {type_: round(best.get(type_, 0.0) + random.gauss(0, step), _DECIMALS) for type_ in changed}
        found = missing(biases, least)
        if sum(found.values()) < least:
            best, left = biases, found
            print(f"{sum(left.values()):.2f} missing with {best}")
    return best, left


def add_biases(tagger: Tagger, biases: Biases) -> None:
    """Add the biases to the output layer of a tagger."""
    with torch.no_grad():
        for type_, bias in biases.items():
            tagger.linear.bias[tagger.tagset.labels_of(type_)] += bias


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Choose a bias for each entity type on the dev sets.")
    parser.add_argument("--model", type=Path, required=True, help="the model directory made from the checkpoint")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="where to write the checkpoint with the biases")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--tries", type=int, default=200)
    parser.add_argument("--step", type=float, default=0.1, help="standard deviation of a change")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    tagger, vocabulary = read_checkpoint(options.checkpoint)
    scores = DevScores(options.model, options.data)
    biases, missing = search(
        lambda biases, most: scores.missing(TARGETS, biases, most),
        tagger.tagset.types,
        options.tries,
        options.step,
        options.seed,
    )
    print(f"biases: {biases}")
    for target, percent in missing.items():
        print(f"{target}: " + (f"{percent:.2f} below {target.f1}" if percent else f"at least {target.f1}"))
    add_biases(tagger, biases)
    write_checkpoint(options.output, tagger, vocabulary)


if __name__ == "__main__":
    main()
