"""Draw the learning curves of pretraining and fine-tuning.

python -m training.report.curves
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ner_runtime.atomic_files import write_atomically
from training.run import WORK, Log

Line = dict[str, Any]


def plot(axes: Axes, lines: Sequence[Line], key: str, label: str, *, marked: bool = False) -> None:
    """Plot one value of a log over the steps; lines without it are skipped."""
    points = [(line["step"], line[key]) for line in lines if key in line]
    if points:
        steps, values = zip(*points, strict=True)
        axes.plot(steps, values, label=label, marker="." if marked else "")


def plot_dev(axes: Axes, lines: Sequence[Line]) -> None:
    """F1 of every dev set over the steps."""
    measured = [{"step": line["step"], **line["dev"]} for line in lines if "dev" in line]
    for name in measured[-1] if measured else ():
        if name != "step":
            plot(axes, measured, name, name, marked=True)


def draw(pretraining: Sequence[Line], fine_tuning: Sequence[Line]) -> Figure:
    """Three panels: the loss of word tags, the loss of labels, F1 on the dev sets."""
    figure = Figure(figsize=(15, 4.5), layout="constrained")
    words, labels, dev = figure.subplots(1, 3)
    plot(words, pretraining, "loss", "train")
    plot(words, pretraining, "dev_loss", "held out", marked=True)
    plot(labels, fine_tuning, "loss", "train")
    plot_dev(dev, fine_tuning)
    for axes, title, unit in (
        (words, "Pretraining", "nats per character"),
        (labels, "Fine-tuning", "nats per character"),
        (dev, "Dev sets", "entity F1, %"),
    ):
        axes.set(title=title, xlabel="step", ylabel=unit)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize="x-small")
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Draw the learning curves of a pretraining and a fine-tuning run.")
    parser.add_argument("--pretraining", type=Path, default=WORK / "pretrain")
    parser.add_argument("--fine-tuning", type=Path, default=WORK / "finetune")
    parser.add_argument("--output", type=Path, default=WORK / "curves.png")
    options = parser.parse_args(arguments)
    mpl.use("agg")
    figure = draw(Log(options.pretraining / "log.jsonl").read(), Log(options.fine_tuning / "log.jsonl").read())
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    write_atomically(options.output, buffer.getvalue())
    print(options.output)


if __name__ == "__main__":
    main()
