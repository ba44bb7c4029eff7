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
    """Plot the F1 on each dev set over the steps."""
    measured = [{"step": line["step"], **line["dev"]} for line in lines if "dev" in line]
    for name in measured[-1] if measured else ():
        if name != "step":
            plot(axes, measured, name, name, marked=True)


def draw(pretraining: Sequence[Line], fine_tuning: Sequence[Line]) -> Figure:
    """Draw the pretraining loss, the fine-tuning loss, and F1 on the dev sets.

    The pretraining loss is left out if `pretraining` is empty.
    """
    panels = [_words] if pretraining else []
    panels += [_labels, _dev]
    figure = Figure(figsize=(5 * len(panels), 4.5), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(panels)), panels, strict=True):
        panel(axes, pretraining, fine_tuning)
        axes.set(xlabel="step")
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize="x-small")
    return figure


def _words(axes: Axes, pretraining: Sequence[Line], _fine_tuning: Sequence[Line]) -> None:
    plot(axes, pretraining, "loss", "train")
    plot(axes, pretraining, "dev_loss", "held out", marked=True)
    axes.set(title="Pretraining", ylabel="nats per character")


def _labels(axes: Axes, _pretraining: Sequence[Line], fine_tuning: Sequence[Line]) -> None:
    plot(axes, fine_tuning, "loss", "train")
    axes.set(title="Fine-tuning", ylabel="nats per character")


def _dev(axes: Axes, _pretraining: Sequence[Line], fine_tuning: Sequence[Line]) -> None:
    plot_dev(axes, fine_tuning)
    axes.set(title="Dev sets", ylabel="entity F1, %")


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
