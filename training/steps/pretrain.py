"""Pretrain the encoder to predict words and their kinds in plain text.

The words come from a teacher (`training.steps.teacher`), and some characters are hidden. With the compute of a CPU, an
encoder this small learns little more than character frequencies from predicting hidden characters alone (Devlin et al.,
2019), while words and parts of speech help from the first steps.

The learning rate is constant after the warm-up and decreases in the last part of the steps, so that a run can be
extended later with a higher `--steps`. A stopped run resumes with the same command.

    python -m training.steps.pretrain --steps 4000
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from training.data.vocabulary import Vocabulary
from training.data.words import NO_WORD, TAGS
from training.examples.blocks import BlockBatch, BlockSampler, Source, read_source
from training.network.encoder import Encoder, Geometry
from training.run import WORK, Log, autocast, load_state, pick_device, save_state, seed_all
from training.steps.optimization import Optimization, Schedule

_HELD_OUT_BATCHES = 8
# The last part of every source is never drawn for training.
_HELD_OUT_SHARE = 0.01


class WordTagger(nn.Module):
    """An encoder with a linear layer that predicts the word tag of each character."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.tags = nn.Linear(encoder.geometry.hidden_size, TAGS)

    def forward(self, batch: BlockBatch) -> tuple[Tensor, Tensor]:
        """Return the mean cross-entropy, in nats, and the share of correct tags, over all characters with a tag.

        Returns:
            loss: ()
            accuracy: ()
        """
        known = batch.tags != NO_WORD  # (batch, length)
        hidden = self.encoder(batch.ids, batch.positions)  # (batch, length, hidden)
        logits = self.tags(hidden[known]).float()  # (characters, tags)
        targets = batch.tags[known]  # (characters,)
        return functional.cross_entropy(logits, targets), (logits.argmax(-1) == targets).float().mean()


def split_sources(sources: Sequence[Source], length: int) -> tuple[list[Source], list[Source]]:
    """Split each source into a training part and a held-out part: its last 1 %, but at least `length` characters."""
    train: list[Source] = []
    held_out: list[Source] = []
    for source in sources:
        end = len(source) - max(length, round(len(source) * _HELD_OUT_SHARE))
        train.append(Source(source.ids[:end], source.tags[:end]))
        held_out.append(Source(source.ids[end:], source.tags[end:]))
    return train, held_out


class Pretraining:
    """A pretraining run and its files: state and log."""

    def __init__(self, model: WordTagger, schedule: Schedule, folder: Path) -> None:
        self.model = model
        self.optimization = Optimization(model, schedule)
        self.log = Log(folder / "log.jsonl")
        self._state = folder / "state.pt"

    def resume(self) -> bool:
        """Continue from the saved state; false if there is none."""
        state = load_state(self._state)
        if state is not None:
            self.optimization.restore(state)
        return state is not None

    def save(self) -> None:
        save_state(self._state, self.optimization.state())

    def advance(self, batch: BlockBatch) -> Tensor:
        """Take one step, and return loss and accuracy, shape (2,), on the device."""
        with autocast(batch.ids.device):
            loss, accuracy = self.model(batch)
        self.optimization.advance(loss)
        return torch.stack([loss, accuracy]).detach()

    @torch.no_grad()
    def measure(self, batches: list[BlockBatch]) -> list[float]:
        """Return the mean loss and accuracy over batches."""
        return torch.stack([torch.stack(self.model(batch)) for batch in batches]).mean(0).tolist()


@dataclass(frozen=True)
class Intervals:
    """Steps between log lines, and seconds between saved states."""

    log: int = 100
    save_s: float = 120.0


def pretrain(
    run: Pretraining,
    sampler: BlockSampler,
    held_out: BlockSampler,
    batch: int,
    intervals: Intervals,
    device: torch.device,
    stop_at: int | None = None,
) -> None:
    """Train on `batch` blocks per step until the last step of the schedule, or until step `stop_at`."""
    optimization = run.optimization
    measured = [held_out.draw(number, batch).to(device) for number in range(_HELD_OUT_BATCHES)]
    saved = began = time.monotonic()
    tokens, losses = 0, list[Tensor]()
    with tqdm(total=optimization.schedule.steps, initial=optimization.step, unit="step", mininterval=5) as bar:
        while not optimization.done and optimization.step != stop_at:
            drawn = sampler.draw(optimization.step, batch).to(device)
            losses.append(run.advance(drawn))
            tokens += drawn.ids.numel()
            bar.update()
            if optimization.step % intervals.log == 0 or optimization.done:
                speed = tokens / (time.monotonic() - began)
                loss, accuracy = torch.stack(losses).mean(0).tolist()
                losses.clear()
                dev, dev_accuracy = run.measure(measured)
                run.log.write(
                    step=optimization.step,
                    loss=loss,
                    accuracy=accuracy,
                    dev_loss=dev,
                    dev_accuracy=dev_accuracy,
                    rate=optimization.rate,
                    tokens_per_s=speed,
                )
                bar.set_postfix_str(f"loss {loss:.3f} dev {dev:.3f} {dev_accuracy:.1%} {speed:,.0f} tokens/s")
            if time.monotonic() - saved > intervals.save_s:
                run.save()
                saved = time.monotonic()
    run.save()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Pretrain the encoder on a teacher's words; resumes a stopped run.")
    parser.add_argument("--words", type=Path, default=WORK / "words", help="the folder of the teacher's output")
    parser.add_argument("--vocabulary", type=Path, default=WORK / "vocab.txt")
    parser.add_argument("--folder", type=Path, default=WORK / "pretrain", help="where state and log are kept")
    parser.add_argument("--steps", type=int, default=4000, help="total number of steps, including those already done")
    parser.add_argument("--batch", type=int, default=32, help="blocks per step")
    parser.add_argument("--length", type=int, default=96, help="pieces per block, [CLS] and [SEP] included")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument("--warm-up", type=int, default=200)
    parser.add_argument("--falling", type=float, default=0.3, help="share of the steps in which the rate falls")
    parser.add_argument("--stop-at", type=int, default=None, help="stop after this step, to continue later")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save-every", type=float, default=120, help="seconds between saved states")
    options = parser.parse_args(arguments)
    seed_all(options.seed)
    device = pick_device()
    vocabulary = Vocabulary.read(options.vocabulary)
    geometry = Geometry(len(vocabulary))
    paths = sorted(options.words.glob("[!.]*.npz"))
    if not paths:
        parser.error(f"no labelled text in {options.words}; python -m training.steps.teacher makes it")
    sources, held_out = split_sources([read_source(path, vocabulary) for path in paths], options.length)
    shape = {"length": options.length, "positions": geometry.max_position_embeddings, "seed": options.seed}
    schedule = Schedule(options.rate, options.steps, options.warm_up, options.falling)
    run = Pretraining(WordTagger(Encoder(geometry)).to(device), schedule, options.folder)
    run.resume()
    pretrain(
        run,
        BlockSampler(sources, vocabulary, **shape),
        BlockSampler(held_out, vocabulary, **shape),
        options.batch,
        Intervals(save_s=options.save_every),
        device,
        options.stop_at,
    )


if __name__ == "__main__":
    main()
