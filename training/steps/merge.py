"""Merge checkpoints that were fine-tuned from the same model in different ways, as their weighted mean.

The mean keeps most of what each checkpoint learned and forgets little (Wortsman et al., 2022, "Robust fine-tuning of
zero-shot models" and "Model soups"). Only the ratios of the weights matter. Without `--output`, the mean is scored but
not written.

    python -m training.steps.merge .work/training/raner-mini=1 .work/training/leant=2 --output .work/training/merged
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ner_runtime.lexicon.files import read_matcher
from training.data.corpora import DATA
from training.network.checkpoint import read_checkpoint
from training.run import pick_device
from training.steps.average import mean_f1, mean_state, write_scored
from training.steps.evaluate import format_table, read_dev_sets, score


def weighted(argument: str) -> tuple[Path, float]:
    """Parse an argument of the form `DIRECTORY=WEIGHT`.

    Raises:
        ValueError: the argument has another form, or the weight is not positive.
    """
    directory, _, weight = argument.rpartition("=")
    if not directory or float(weight) <= 0:
        raise ValueError(argument)
    return Path(directory), float(weight)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Merge checkpoints that were fine-tuned from the same model in different ways."
    )
    parser.add_argument("checkpoints", nargs="+", type=weighted, metavar="CHECKPOINT=WEIGHT")
    parser.add_argument(
        "--lexicon", type=Path, default=None, help="the folder of the lexicon that the model was trained with"
    )
    parser.add_argument("--output", type=Path, default=None, help="where to write the merged checkpoint")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--dev-limit", type=int, default=None, help="sentences of each dev set, all by default")
    options = parser.parse_args(arguments)
    directories, weights = zip(*options.checkpoints, strict=True)
    taggers, vocabularies = zip(*map(read_checkpoint, directories), strict=True)
    tagger, vocabulary = taggers[0], vocabularies[0]
    if any(other.pieces != vocabulary.pieces for other in vocabularies):
        parser.error("the checkpoints have different vocabularies")
    tagger.load_state_dict(mean_state([each.state_dict() for each in taggers], weights))
    dev_sets, device = read_dev_sets(options.data, limit=options.dev_limit), pick_device()
    tagger = tagger.to(device)
    find = read_matcher(options.lexicon).find if options.lexicon else None
    scores = {name: score(tagger, vocabulary, sentences, device, find) for name, sentences in dev_sets.items()}
    print(f"mean F1 {mean_f1(scores):.2f}\n{format_table(scores)}")
    if options.output:
        write_scored(options.output, tagger, vocabulary, scores)


if __name__ == "__main__":
    main()
