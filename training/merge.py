"""Merging: the mean of a checkpoint and one that went on from it another way, as to texts of one kind.

Between the two there are weights that have most of what the second learned and little of what it forgot (Wortsman et
al., 2022, "Robust fine-tuning of zero-shot models"). Without `--share`, several are measured and nothing is written.

    python -m training.merge .work/training/raner-mini .work/training/leaning --share 0.5 --output .work/training/merged
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from ner_runtime.atomically import write_atomically
from training.average import State, mean_f1
from training.checkpoint import read_checkpoint, write_checkpoint
from training.corpora import DATA
from training.evaluate import format_table, read_dev_sets, score
from training.run import WORK, pick_device

_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


def between(one: State, other: State, share: float) -> State:
    """The weights on the straight line from `one` (share 0) to `other` (share 1); what is not of floats is `one`'s.

    Raises:
        ValueError: the two are not of one form.
    """
    if {name: tensor.shape for name, tensor in one.items()} != {name: tensor.shape for name, tensor in other.items()}:
        raise ValueError("the checkpoints are of different geometry or labels")
    return {
        name: tensor.lerp(other[name], share) if tensor.is_floating_point() else tensor for name, tensor in one.items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Merge a checkpoint with one that went on from it.")
    parser.add_argument("one", type=Path, help="a checkpoint directory")
    parser.add_argument("other", type=Path, help="another, of the same vocabulary")
    parser.add_argument("--share", type=float, default=None, help="of the second, from 0 to 1")
    parser.add_argument("--output", type=Path, default=WORK / "merged")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--dev-limit", type=int, default=None, help="sentences of each dev set, all by default")
    options = parser.parse_args(arguments)
    device = pick_device()
    tagger, vocabulary = read_checkpoint(options.one)
    other, others_vocabulary = read_checkpoint(options.other)
    if others_vocabulary.pieces != vocabulary.pieces:
        parser.error("the checkpoints have different vocabularies")
    one = {name: tensor.clone() for name, tensor in tagger.state_dict().items()}
    dev_sets = read_dev_sets(options.data, limit=options.dev_limit)
    for share in _SHARES if options.share is None else (options.share,):
        tagger.load_state_dict(between(one, other.state_dict(), share))
        scores = {name: score(tagger, vocabulary, sentences, device) for name, sentences in dev_sets.items()}
        print(f"share {share:g}, mean F1 {mean_f1(scores):.2f}\n{format_table(scores)}", flush=True)
        if options.share is not None:
            write_checkpoint(options.output, tagger, vocabulary)
            write_atomically(options.output / "scores.json", json.dumps(scores, indent=1).encode())


if __name__ == "__main__":
    main()
