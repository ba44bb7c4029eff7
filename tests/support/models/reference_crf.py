"""A plain CRF: Viterbi and span probabilities of one row, written for reading rather than for speed."""

from collections.abc import Sequence

import numpy as np

from ner_runtime.inference.crf import Floats
from ner_runtime.inference.spans import Labels, Span

_TINY = np.finfo(np.float64).tiny


def viterbi(start: Floats, end: Floats, transitions: Floats, emissions: Floats) -> list[int]:
    """The best path through `emissions` (positions, labels), computed in float32 in ModelScope's order of additions."""
    scores = [start + emissions[0]]
    best: list[list[int]] = []
    for emission in emissions[1:]:
        arriving = scores[-1][:, None] + transitions + emission  # (labels from, labels to)
        best.append(arriving.argmax(axis=0).tolist())
        scores.append(arriving.max(axis=0))
    path = [int((scores[-1] + end).argmax())]
    for previous in reversed(best):
        path.append(previous[path[-1]])
    return path[::-1]


class Marginals:
    """Probabilities of tags, from sums over all paths in float64; each position is scaled to a sum of one."""

    def __init__(self, start: Floats, end: Floats, transitions: Floats, emissions: Floats) -> None:
        weights = [np.exp(scores - scores.max()) for scores in emissions.astype(np.float64)]
        self.steps = np.exp(transitions.astype(np.float64))
        self.weights, self.scales = weights, [1.0]
        self.forward = [np.exp(start.astype(np.float64)) * weights[0]]
        self.forward[0] /= self.forward[0].sum()
        for weight in weights[1:]:
            forward = self.forward[-1] @ self.steps * weight
            self.scales.append(max(forward.sum(), _TINY))
            self.forward.append(forward / self.scales[-1])
        self.backward = [np.exp(end.astype(np.float64))]
        for weight, scale in zip(weights[:0:-1], self.scales[:0:-1], strict=True):
            self.backward.insert(0, self.steps @ (weight * self.backward[0]) / scale)
        self.total = float(self.forward[-1] @ self.backward[-1])

    def probability(self, first: int, path: Sequence[int], excluded_next: Sequence[int]) -> float:
        """The probability of the tags `path` from position `first` on, with none of `excluded_next` behind them."""
        weight = self.forward[first][path[0]]
        for position, tag in enumerate(path[1:], first + 1):
            weight *= self.steps[path[position - first - 1], tag] * self.weights[position][tag] / self.scales[position]
        behind = first + len(path)
        if behind == len(self.forward):
            return float(weight * self.backward[-1][path[-1]]) / self.total
        onward = self.steps[path[-1]] * self.weights[behind] * self.backward[behind] / self.scales[behind]
        onward[list(excluded_next)] = 0
        return float(weight * onward.sum()) / self.total


def decode(labels: Sequence[str], start: Floats, end: Floats, transitions: Floats, emissions: Floats) -> list[Span]:
    """The spans of one row, with their probabilities."""
    path = viterbi(start, end, transitions, emissions)
    marginals = Marginals(start, end, transitions, emissions)
    continuing = [tag for tag, label in enumerate(labels) if label[0] in "IE"]
    spans: list[Span] = []
    for span in Labels(labels).spans(np.array(path)):
        tags = path[span.start : span.end]
        excluded = [] if labels[tags[-1]][0] in "ES" else continuing
        spans.append(Span(span.type, span.start, span.end, marginals.probability(span.start, tags, excluded)))
    return spans
