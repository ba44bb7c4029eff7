"""Fine-tune the tagger on the annotated corpora.

The first part of the steps minimises the cross-entropy of each position, which is fast and gives every position its own
gradient; the last part minimises the CRF's loss, which needs good emissions. A run that starts from a trained tagger
uses the CRF's loss throughout (`--crf-share 1`). A stopped run resumes with the same command.

    python -m training.steps.finetune --data path/to/corpora --steps 6000
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from ner_runtime.lexicon.features import FLAGS
from ner_runtime.lexicon.files import read_matcher
from ner_runtime.recognizer import Recognizer
from training.data.amounts import annotate
from training.data.corpora import CORPORA, DATA, TYPES, Sentence, TypeMap, read_train
from training.data.lexicon import NAMES, WORDS
from training.data.names import gather
from training.data.tagset import Tagset
from training.data.templates import everyday
from training.data.vocabulary import Vocabulary
from training.examples.augment import Augmenter, Rates
from training.examples.batches import Batch, Course, Find, Pools
from training.examples.lexicon_noise import Disturbance, DisturbedLexicon
from training.examples.masking import Masks
from training.examples.noise import Noise, Noises
from training.network.checkpoint import WEIGHTS_FILE, read_checkpoint
from training.network.encoder import Encoder, Geometry
from training.network.extend import add_lexicon, add_pieces
from training.network.shipped import read_shipped
from training.network.tagger import Tagger, allowed_cross_entropy, path_loss
from training.run import WORK, Log, autocast, load_state, pick_device, save_state, seed_all
from training.steps.evaluate import format_table, read_dev_sets, score
from training.steps.mistakes import Corpora, remember_mistakes, weigh
from training.steps.optimization import Optimization, Schedule

# With `--lean`, the repeats of the named corpora and those of all others are multiplied by these factors.
_LEANED_TO, _OTHERS = 4.0, 0.3
# Factors of the learning rate, by prefix of the parameter name. With `--small`, these layers are already trained.
_FAST = {"crf.": 10.0, "encoder.embeddings.lexicon.": 5.0}
_FAST_SMALL = {"crf.": 3.0, "encoder.embeddings.lexicon.": 2.0}
# The weight matrices that `--small` trains, together with all biases and layer norms.
_SMALL = ("linear.", "crf.", "encoder.embeddings.lexicon.")
_TEMPLATES, _TEMPLATE_REPEAT = 20_000, 0.3


@dataclass
class Place:
    """The position of a run in its data: the next batch is number `batch` of pool `pool`."""

    pool: int = 0
    batch: int = 0


def read_corpora(data: Path, lean: Collection[str] = ()) -> Corpora:
    """Read the training sentences of each corpus, and how often each of them occurs in an epoch.

    With `lean`, the sentences of these corpora occur more often, and all others less often.
    """
    type_map = TypeMap.read(data)
    corpora: Corpora = []
    for corpus in CORPORA:
        factor = 1.0 if not lean else _LEANED_TO if corpus.name in lean else _OTHERS
        sentences = [annotate(each) for each in read_train(data, corpus, type_map)]
        corpora.append((sentences, corpus.repeat * factor))
    return corpora


def review(corpora: Corpora, model: Path, folder: Path) -> Corpora:
    """Repeat the sentences that `model` gets wrong more often, and the other sentences less often."""
    recognizer = Recognizer.open(model, threads=torch.get_num_threads())
    mistakes = remember_mistakes(folder / f"mistakes-{recognizer.manifest.version}.npz", recognizer, corpora)
    return weigh(corpora, mistakes, more=2.5, less=0.7)


def follow(pools: Pools, place: Place) -> Iterator[Batch]:
    """Yield batches endlessly, starting at `place`, which advances with each batch."""
    while True:
        skipped = place.batch
        for number, batch in enumerate(pools.batches(place.pool)):
            if number >= skipped:
                place.batch = number + 1
                yield batch
        place.pool, place.batch = place.pool + 1, 0


def read_start(directory: Path, dropout: float, lexicon_flags: int = 0) -> tuple[Tagger, Vocabulary]:
    """Read the tagger to continue from, and its vocabulary, from a checkpoint or an INT8 model directory.

    With `lexicon_flags`, a tagger without a lexicon layer gets one, which has no effect until it is trained.
    """
    read = read_checkpoint if (directory / WEIGHTS_FILE).is_file() else read_shipped
    tagger, vocabulary = read(directory, dropout)
    if lexicon_flags and not tagger.encoder.geometry.lexicon_flags:
        tagger = add_lexicon(tagger, lexicon_flags)
    return tagger, vocabulary


def freeze_large_tensors(tagger: Tagger) -> None:
    """Train only biases, layer norms, the lexicon layer, the last layer and the CRF.

    The INT8 weights of the released model stay the same, except for rounding, so that a new version adds little to the
    repository. This also holds for a mean of several such runs from the same start.
    """
    for name, parameter in tagger.named_parameters():
        parameter.requires_grad_(parameter.dim() < 2 or name.startswith(_SMALL))


def load_encoder(encoder: Encoder, pretrained: Path) -> None:
    """Load the encoder from a pretraining state.

    Raises:
        FileNotFoundError: there is no such state.
    """
    state = load_state(pretrained)
    if state is None:
        raise FileNotFoundError(f"no pretraining state at {pretrained}")
    prefix = "encoder."
    weights = {name[len(prefix) :]: tensor for name, tensor in state["model"].items() if name.startswith(prefix)}
    encoder.load_state_dict(weights)


class FineTuning:
    """A fine-tuning run and its files: state, log, snapshots of the weights."""

    def __init__(
        self,
        tagger: Tagger,
        schedule: Schedule,
        folder: Path,
        crf_share: float,
        fast: Mapping[str, float] = _FAST,
    ) -> None:
        """The last `crf_share` of the steps minimise the CRF's loss, the others cross-entropy."""
        self.tagger = tagger
        self.folder = folder
        self.log = Log(folder / "log.jsonl")
        self.optimization = Optimization(tagger, schedule, fast=fast)
        self.place = Place()
        self._crf_from = round(schedule.steps * (1 - crf_share))

    def resume(self) -> bool:
        """Continue from the saved state; false if there is none."""
        state = load_state(self.folder / "state.pt")
        if state is None:
            return False
        self.optimization.restore(state)
        self.place = Place(**state["place"])
        torch.set_rng_state(state["random"])
        return True

    def save(self) -> None:
        place = {"pool": self.place.pool, "batch": self.place.batch}
        state = {**self.optimization.state(), "place": place, "random": torch.get_rng_state()}
        save_state(self.folder / "state.pt", state)

    def snapshot(self) -> None:
        """Save the weights of this step, for averaging."""
        path = self.folder / "snapshots" / f"{self.optimization.step:07d}.pt"
        save_state(path, self.tagger.state_dict())

    def advance(self, batch: Batch) -> Tensor:
        """Take one step, and return the loss, shape (), on the device."""
        with autocast(batch.ids.device):
            emissions = self.tagger(batch)  # (batch, characters, labels)
        if self.optimization.step < self._crf_from:
            loss = allowed_cross_entropy(emissions, batch.allowed, batch.characters)
        else:
            loss = path_loss(self.tagger.crf, emissions, batch.allowed, batch.characters)
        self.optimization.advance(loss)
        return loss.detach()


@dataclass(frozen=True)
class Intervals:
    """Steps between log lines and between snapshots, which are also scored; seconds between saved states."""

    log: int = 50
    snapshot: int = 500
    save_s: float = 120.0


def finetune(
    run: FineTuning,
    pools: Pools,
    dev_sets: dict[str, list[Sentence]],
    vocabulary: Vocabulary,
    intervals: Intervals,
    device: torch.device,
    stop_at: int | None = None,
    find: Find | None = None,
) -> None:
    """Train until the last step of the schedule, or until step `stop_at`."""
    optimization = run.optimization
    batches = follow(pools, run.place)
    saved = began = time.monotonic()
    tokens, losses = 0, list[float]()
    with tqdm(total=optimization.schedule.steps, initial=optimization.step, unit="step", mininterval=5) as bar:
        while not optimization.done and optimization.step != stop_at:
            batch = next(batches).to(device)
            losses.append(float(run.advance(batch)))
            tokens += int(batch.visible.sum())
            bar.update()
            if optimization.step % intervals.log == 0:
                loss, speed = sum(losses) / len(losses), tokens / (time.monotonic() - began)
                losses.clear()
                run.log.write(step=optimization.step, loss=loss, rate=optimization.rate, tokens_per_s=speed)
                bar.set_postfix_str(f"loss {loss:.4f} {speed:,.0f} tokens/s")
            if optimization.step % intervals.snapshot == 0 or optimization.done:
                run.snapshot()
                measure(run, dev_sets, vocabulary, device, find)
            if time.monotonic() - saved > intervals.save_s:
                run.save()
                saved = time.monotonic()
    run.save()


def measure(
    run: FineTuning,
    dev_sets: dict[str, list[Sentence]],
    vocabulary: Vocabulary,
    device: torch.device,
    find: Find | None = None,
) -> None:
    """Score the tagger on the dev sets, and log the scores."""
    scores = {name: score(run.tagger, vocabulary, sentences, device, find) for name, sentences in dev_sets.items()}
    run.log.write(step=run.optimization.step, dev={name: values["f1"] for name, values in scores.items()})
    tqdm.write(f"step {run.optimization.step}\n{format_table(scores)}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Fine-tune the tagger; resumes where it was stopped.")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--vocabulary", type=Path, default=WORK / "vocab.txt")
    parser.add_argument("--pretrained", type=Path, default=WORK / "pretrain" / "state.pt")
    parser.add_argument("--start", type=Path, default=None, help="a model or checkpoint to continue from")
    parser.add_argument(
        "--review", type=Path, default=None, help="a model directory; sentences that it gets wrong are seen more often"
    )
    parser.add_argument(
        "--lean", nargs="+", default=[], choices=sorted({corpus.name for corpus in CORPORA}), metavar="CORPUS",
        help="train 4 times as often on these corpora and 0.3 times as often on the others, to merge the model later",
    )  # fmt: skip
    parser.add_argument("--pieces", type=Path, default=None, help="a list of characters to add to the vocabulary")
    parser.add_argument("--lexicon", type=Path, default=None, help="the folder of a lexicon")
    parser.add_argument(
        "--folder", type=Path, default=WORK / "finetune", help="the folder for state, log and snapshots"
    )
    parser.add_argument("--steps", type=int, default=6000, help="total number of steps, including those already done")
    parser.add_argument("--budget", type=int, default=3072, help="tokens per batch")
    parser.add_argument("--rate", type=float, default=6e-4, help="peak learning rate")
    parser.add_argument(
        "--crf-share", type=float, default=0.3, help="the last share of the steps, which use the CRF's loss"
    )
    parser.add_argument(
        "--small", action="store_true", help="train only the small tensors, so that the INT8 weights stay the same"
    )
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--snapshot-every", type=int, default=500, help="steps between snapshots of the weights")
    parser.add_argument(
        "--dev-limit", type=int, default=500, help="sentences of each dev set that are measured during training"
    )
    parser.add_argument("--stop-at", type=int, default=None, help="stop after this step, to continue later")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.small and (not options.start or options.pieces):
        parser.error("--small needs --start, and excludes --pieces")
    seed_all(options.seed)
    device = pick_device()
    tagset = Tagset(TYPES)
    flags = FLAGS if options.lexicon else 0
    if options.start:
        tagger, vocabulary = read_start(options.start, options.dropout, flags)
        if options.pieces:
            pieces = options.pieces.read_text(encoding="utf-8").splitlines()
            tagger, vocabulary = add_pieces(tagger, vocabulary, pieces)
    else:
        vocabulary = Vocabulary.read(options.vocabulary)
        tagger = Tagger(Geometry(len(vocabulary), lexicon_flags=flags), tagset, options.dropout)
    options.folder.mkdir(parents=True, exist_ok=True)
    vocabulary.write(options.folder / "vocab.txt")
    if options.small:
        freeze_large_tensors(tagger)
    tagger = tagger.to(device).train()
    schedule = Schedule(options.rate, options.steps, warm_up=options.steps // 20, falling=0.95)
    fast = _FAST_SMALL if options.small else _FAST
    run = FineTuning(tagger, schedule, options.folder, options.crf_share, fast)
    if not run.resume() and not options.start:
        load_encoder(tagger.encoder, options.pretrained)
    corpora = read_corpora(options.data, options.lean)
    names = gather(options.data / "lexicons", (each for sentences, _ in corpora for each in sentences))
    if options.review:
        corpora = review(corpora, options.review, options.folder)
    corpora.append((everyday(names, _TEMPLATES, options.data, options.seed), _TEMPLATE_REPEAT))
    without_lexicon = [*(corpus.without_lexicon for corpus in CORPORA), 0.0]
    course = Course(budget=options.budget)
    matcher = read_matcher(options.lexicon) if options.lexicon else None
    disturb = DisturbedLexicon(matcher, NAMES, WORDS, Disturbance()) if matcher else None
    augmenter = Augmenter(names, Rates(), Noise(Noises()))
    pools = Pools(corpora, vocabulary, tagset, augmenter, course, options.seed, disturb, Masks(), without_lexicon)
    dev_sets = read_dev_sets(options.data, limit=options.dev_limit)
    finetune(
        run,
        pools,
        dev_sets,
        vocabulary,
        Intervals(snapshot=options.snapshot_every),
        device,
        options.stop_at,
        matcher.find if matcher else None,
    )


if __name__ == "__main__":
    main()
