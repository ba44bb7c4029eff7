"""Pretraining: an encoder learns to guess masked characters (Devlin et al., 2019), before it meets any label.

The learning rate stays level after its warm-up and falls in the last part of the steps, so that a run can be extended
another day with a higher `--steps` from the state it left. Stop it at any time; the same command goes on.

    python -m training.pretrain --data ../shared/data --steps 6000
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from training.blocks import BlockSampler, MaskedBatch, encode_lines
from training.corpora import DATA, TypeMap, find_corpus, read_raw, read_split, read_train_texts
from training.encoder import Encoder, Geometry
from training.optimization import Optimization, Schedule
from training.run import WORK, Log, autocast, load_state, pick_device, save_state, seed_all
from training.vocabulary import Ids, Vocabulary

_HELD_OUT_BATCHES = 4
# Detection has small losses, of one bit at every position.
_DETECTION_WEIGHT = 8.0


class MaskedLanguageModel(nn.Module):
    """An encoder with BERT's guessing head, whose output matrix is the word embeddings, and ELECTRA's detector.

    Guessing alone hardly moves so small an encoder from the frequencies of characters for thousands of steps; finding
    the characters that do not belong, at every position, soon makes it look at the neighbours (Clark et al., 2020).
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        geometry = encoder.geometry
        self.encoder = encoder
        self.transform = nn.Linear(geometry.hidden_size, geometry.hidden_size)
        self.norm = nn.LayerNorm(geometry.hidden_size, eps=geometry.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(geometry.vocab_size))
        self.detector = nn.Linear(geometry.hidden_size, 1)

    def forward(self, batch: MaskedBatch) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy of guesses and of detections, in nats.

        Returns:
            guessing: ()
            detection: ()
        """
        hidden = self.encoder(batch.ids, batch.positions)  # (batch, length, hidden)
        guess = self.norm(functional.gelu(self.transform(hidden[batch.masked])))  # (masked, hidden)
        logits = functional.linear(guess, self.encoder.embeddings.word_embeddings.weight, self.bias)  # (masked, pieces)
        suspicion = self.detector(hidden).squeeze(-1)[~batch.hidden]  # (shown,)
        replaced = batch.masked[~batch.hidden]  # (shown,)
        return (
            functional.cross_entropy(logits.float(), batch.targets),
            functional.binary_cross_entropy_with_logits(suspicion.float(), replaced.float()),
        )


def gather_sources(data: Path, vocabulary: Vocabulary, cache: Path) -> list[Ids]:
    """Raw text in one row per million characters or so, training texts in as many as weigh a quarter of it."""
    if not cache.is_file():
        cache.parent.mkdir(parents=True, exist_ok=True)
        raw = encode_lines(read_raw(data), vocabulary)
        texts = encode_lines(read_train_texts(data), vocabulary)
        np.savez(cache, raw=raw, texts=texts)
    with np.load(cache) as stored:
        raw, texts = stored["raw"], stored["texts"]
    # Equal rows weigh the same, so a source's weight is its number of rows.
    return [*np.array_split(raw, 48), *np.array_split(texts, 16)]


class Pretraining:
    """A model on its way, and its files: state and log."""

    def __init__(self, model: MaskedLanguageModel, schedule: Schedule, folder: Path) -> None:
        self.model = model
        self.optimization = Optimization(model, schedule)
        self.log = Log(folder / "log.jsonl")
        self._state = folder / "state.pt"

    def resume(self) -> bool:
        """Go on from the saved state; false where there is none."""
        state = load_state(self._state)
        if state is not None:
            self.optimization.restore(state)
        return state is not None

    def save(self) -> None:
        save_state(self._state, self.optimization.state())

    def advance(self, batch: MaskedBatch) -> Tensor:
        """One step; returns the losses of guessing and detection, shape (2,), left on the device."""
        with autocast(batch.ids.device):
            guessing, detection = self.model(batch)
        self.optimization.advance(guessing + _DETECTION_WEIGHT * detection)
        return torch.stack([guessing, detection]).detach()

    @torch.no_grad()
    def held_out_losses(self, batches: list[MaskedBatch]) -> list[float]:
        """Mean losses of guessing and detection."""
        return torch.stack([torch.stack(self.model(batch)) for batch in batches]).mean(0).tolist()


@dataclass(frozen=True)
class Intervals:
    """Steps between lines of the log, seconds between saved states."""

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
    """Advance a run, with `batch` blocks a step, to the last step of its schedule, or to step `stop_at`."""
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
                loss, detection = torch.stack(losses).mean(0).tolist()
                losses.clear()
                dev, dev_detection = run.held_out_losses(measured)
                run.log.write(
                    step=optimization.step,
                    loss=loss,
                    detection=detection,
                    dev_loss=dev,
                    dev_detection=dev_detection,
                    rate=optimization.rate,
                    tokens_per_s=speed,
                )
                bar.set_postfix_str(f"guessing {loss:.3f} dev {dev:.3f} {speed:,.0f} tokens/s")
            if time.monotonic() - saved > intervals.save_s:
                run.save()
                saved = time.monotonic()
    run.save()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Pretrain the encoder on plain text; resumes where it was stopped.")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--vocabulary", type=Path, default=WORK / "vocab.txt")
    parser.add_argument("--folder", type=Path, default=WORK / "pretrain", help="where state and log are kept")
    parser.add_argument("--steps", type=int, default=6000, help="steps in all, those already done included")
    parser.add_argument("--batch", type=int, default=32, help="blocks a step")
    parser.add_argument("--length", type=int, default=128, help="pieces a block, [CLS] and [SEP] included")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument("--warm-up", type=int, default=300)
    parser.add_argument("--falling", type=float, default=0.2, help="share of the steps in which the rate falls")
    parser.add_argument("--stop-at", type=int, default=None, help="stop after this step, to go on another time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save-every", type=float, default=120, help="seconds")
    options = parser.parse_args(arguments)
    seed_all(options.seed)
    device = pick_device()
    vocabulary = Vocabulary.read(options.vocabulary)
    geometry = Geometry(len(vocabulary))
    sources = gather_sources(options.data, vocabulary, options.folder / "text.npz")
    dev = read_split(options.data, find_corpus("msra"), "dev", TypeMap.read(options.data))
    dev_source = encode_lines((sentence.text for sentence in dev), vocabulary)
    positions = geometry.max_position_embeddings
    schedule = Schedule(options.rate, options.steps, options.warm_up, options.falling)
    run = Pretraining(MaskedLanguageModel(Encoder(geometry)).to(device), schedule, options.folder)
    run.resume()
    pretrain(
        run,
        BlockSampler(sources, vocabulary, length=options.length, positions=positions, seed=options.seed),
        BlockSampler([dev_source], vocabulary, length=options.length, positions=positions, seed=options.seed),
        options.batch,
        Intervals(save_s=options.save_every),
        device,
        options.stop_at,
    )


if __name__ == "__main__":
    main()
