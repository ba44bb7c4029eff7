"""Average the last snapshots of a run; the average generalises better than the last snapshot (Izmailov et al., 2018).

The number of snapshots, from one to `--most`, is the one with the best score on the dev sets. Their average is written
as a checkpoint directory, unless the existing one has at least the same score on the same sets.

    python -m training.steps.average --data path/to/corpora
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ner_runtime.atomic_files import write_atomically
from ner_runtime.lexicon.features import FLAGS
from ner_runtime.lexicon.files import read_matcher
from training.data.corpora import DATA, TYPES, Sentence
from training.data.tagset import Tagset
from training.data.vocabulary import Vocabulary
from training.examples.batches import Find
from training.network.checkpoint import write_checkpoint
from training.network.encoder import Geometry
from training.network.tagger import Tagger
from training.run import WORK, load_state, pick_device
from training.steps.evaluate import Scores, format_table, read_dev_sets, score

State = dict[str, Tensor]

_SCORES_FILE = "scores.json"


def mean_state(states: Sequence[State], weights: Sequence[float] | None = None) -> State:
    """Return the weighted mean of state dicts. Tensors that are not floating-point are taken from the last one.

    Args:
        states: the state dicts
        weights: one per state dict, on any scale; equal by default

    Raises:
        ValueError: the state dicts differ in their names or shapes.
    """
    last = states[-1]
    shapes = {name: tensor.shape for name, tensor in last.items()}
    if any({name: tensor.shape for name, tensor in state.items()} != shapes for state in states):
        raise ValueError("the weights are of different geometry or labels")
    shares = torch.tensor(weights or [1.0] * len(states))  # (states,)
    shares = shares / shares.sum()
    return {
        name: torch.tensordot(shares, torch.stack([state[name].cpu() for state in states]), dims=1)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in last.items()
    }


def read_snapshots(folder: Path, most: int) -> list[State]:
    """Read the last `most` snapshots of a run, oldest first.

    Raises:
        FileNotFoundError: the run has no snapshots.
    """
    paths = sorted((folder / "snapshots").glob("*.pt"))[-most:]
    states = [state for path in paths if (state := load_state(path)) is not None]
    if not states:
        raise FileNotFoundError(f"no snapshots in {folder}")
    return states


def mean_f1(scores: dict[str, Scores]) -> float:
    """Return the score to maximise, in percent: half the F1 on msra, half the mean F1 on the other dev sets."""
    others = [values["f1"] for name, values in scores.items() if name != "msra"]
    parts = [values["f1"] for name, values in scores.items() if name == "msra"]
    if others:
        parts.append(sum(others) / len(others))
    return sum(parts) / len(parts)


def write_scored(folder: Path, tagger: Tagger, vocabulary: Vocabulary, scores: dict[str, Scores]) -> None:
    """Write a checkpoint directory, including the scores of the checkpoint."""
    write_checkpoint(folder, tagger, vocabulary)
    write_atomically(folder / _SCORES_FILE, json.dumps(scores, indent=1).encode())


def choose(
    states: Sequence[State],
    tagger: Tagger,
    vocabulary: Vocabulary,
    dev_sets: dict[str, list[Sentence]],
    device: torch.device,
    find: Find | None = None,
) -> tuple[int, dict[str, Scores]]:
    """Find how many of the last states to average, and load their average into the tagger.

    Returns:
        The number of states, and the scores of their average by dev set.
    """
    measured: dict[int, dict[str, Scores]] = {}
    for number in range(1, len(states) + 1):
        tagger.load_state_dict(mean_state(states[-number:]))
        measured[number] = {name: score(tagger, vocabulary, each, device, find) for name, each in dev_sets.items()}
        print(f"last {number}: {mean_f1(measured[number]):.2f}")
    best = max(measured, key=lambda number: mean_f1(measured[number]))
    tagger.load_state_dict(mean_state(states[-best:]))
    return best, measured[best]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Average a run's last snapshots into a checkpoint directory.")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--vocabulary", type=Path, default=None, help="by default the one in the folder of the run")
    parser.add_argument("--folder", type=Path, default=WORK / "finetune", help="the folder of a fine-tuning run")
    parser.add_argument(
        "--lexicon", type=Path, default=None, help="the folder of the lexicon that the model was trained with"
    )
    parser.add_argument("--output", type=Path, default=WORK / "raner-mini")
    parser.add_argument("--most", type=int, default=5, help="maximum number of snapshots to average")
    parser.add_argument("--dev-limit", type=int, default=None, help="sentences of each dev set, all by default")
    options = parser.parse_args(arguments)
    device = pick_device()
    vocabulary = Vocabulary.read(options.vocabulary or options.folder / "vocab.txt")
    matcher = read_matcher(options.lexicon) if options.lexicon else None
    geometry = Geometry(len(vocabulary), lexicon_flags=FLAGS if matcher else 0)
    tagger = Tagger(geometry, Tagset(TYPES)).to(device)
    dev_sets = read_dev_sets(options.data, limit=options.dev_limit)
    states = read_snapshots(options.folder, options.most)
    number, scores = choose(states, tagger, vocabulary, dev_sets, device, matcher.find if matcher else None)
    print(f"{number} snapshots, mean F1 {mean_f1(scores):.2f}\n{format_table(scores)}")
    path = options.output / _SCORES_FILE
    before: dict[str, Scores] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if before.keys() == scores.keys() and mean_f1(before) >= mean_f1(scores):
        print(f"{options.output} has at least the same score: left unchanged")
        return
    write_scored(options.output, tagger, vocabulary, scores)


if __name__ == "__main__":
    main()
