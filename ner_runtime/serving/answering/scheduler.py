"""Scheduler: splits texts into windows and runs the windows of many requests in batches with a token budget.

Texts that fit in one window have a queue and threads of their own, so that the operating system shares the CPU between
them and long documents.

A scheduler belongs to one event loop and one recognizer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from ner_runtime.inference.windows.encoded import EncodedText
from ner_runtime.lexicon.user.matches import LexiconSet
from ner_runtime.recognizer import Recognizer
from ner_runtime.serving.answering.batching.window_queue import ScheduledResult, WindowQueue
from ner_runtime.serving.answering.threads import MAX_INLINE_CHARS, run
from ner_runtime.serving.api.errors import Overloaded
from ner_runtime.serving.telemetry.deferred import DEFERRED
from ner_runtime.serving.telemetry.metrics import SHED, ModelMetrics
from ner_runtime.settings import DEFAULT_MODEL

# Longer texts that lexicons apply to are processed in a thread, so that they do not block the event loop.
_MAX_INLINE_MATCHED_CHARS = 1_000
# A batch of the queue for documents and lists is large enough for several runs of the engine: the recognizer finds more
# windows of similar length in it, and the threads take turns less often. Short texts that wait for each other cannot
# fill such a batch, and the engine would wait while they are decoded.
_LONG_RUNS = 4
_SHED_BY_QUEUE = SHED.labels("queue")


class Scheduler:
    """Recognizes texts with one recognizer. Requests with one text that fits in one window have their own queue."""

    def __init__(
        self,
        recognizer: Recognizer,
        max_wait_s: float = math.inf,
        metrics: ModelMetrics | None = None,
        *,
        overlap: bool = True,
    ) -> None:
        """Start with empty queues.

        Args:
            recognizer: the model
            max_wait_s: a request is rejected if the estimated time until it is done, in seconds, is longer
            metrics: records the batches and the texts; by default those of the model `default`
            overlap: decode short texts while the engine runs on the next ones; needs a CPU besides those of the engine
        """
        self.recognizer = recognizer
        self.metrics = metrics or ModelMetrics(DEFAULT_MODEL)
        self._max_wait_s = max_wait_s
        budget = recognizer.max_batch_tokens
        self._short = WindowQueue(recognizer, budget, "short", self.metrics, overlap=overlap)
        self._long = WindowQueue(recognizer, _LONG_RUNS * budget, "long", self.metrics)

    async def recognize(self, texts: Sequence[str], lexicon: LexiconSet | None = None) -> ScheduledResult:
        """Recognize the texts of one request, in batches with those of other requests.

        Args:
            texts: the texts
            lexicon: the lexicons of the request

        Raises:
            Overloaded: the queue is too long for the texts to be done within `max_wait_s`.
        """
        wait = self.estimated_seconds(texts)
        if wait > self._max_wait_s:
            DEFERRED.count(_SHED_BY_QUEUE)
            raise Overloaded("the queue is too long; try again shortly", math.ceil(wait / 2))
        most_inline = MAX_INLINE_CHARS if lexicon is None else _MAX_INLINE_MATCHED_CHARS
        characters = sum(map(len, texts))
        encoded = await run(partial(self._encode, texts, lexicon), characters, most_inline)
        pieces = sum(len(window.ids) for text in encoded for window in text.encoded)
        result = await self._queue(len(texts), pieces).recognize(encoded)
        DEFERRED.call(self.metrics.observe_texts, characters, result.recognitions, self.recognizer.types)
        return result

    def estimated_seconds(self, texts: Sequence[str]) -> float:
        """Estimate the time in seconds until new `texts` are done, from their number of characters."""
        tokens = sum(map(len, texts))
        return self._queue(len(texts), tokens).estimated_seconds(tokens)

    def stuck(self, seconds: float) -> bool:
        """Whether a batch has been running for longer than `seconds`."""
        return self._short.stuck(seconds) or self._long.stuck(seconds)

    def close(self) -> None:
        """Stop the threads after their running batches."""
        self._short.close()
        self._long.close()

    def _encode(self, texts: Sequence[str], lexicon: LexiconSet | None) -> list[EncodedText]:
        return [self.recognizer.encode(text, lexicon) for text in texts]

    def _queue(self, texts: int, pieces: int) -> WindowQueue:
        return self._short if texts <= 1 and pieces <= self.recognizer.window else self._long
