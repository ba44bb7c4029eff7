"""Recognizer: the one public class. Texts in, entities out.

    text ─▶ tokenizer ─▶ windows ─▶ batches ─▶ engine ─▶ crf ─▶ windows ─▶ entities

It knows nothing of HTTP, settings, stores or training: it opens a model directory (see `manifest.py`) and reads texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from ner_runtime.entities import Entity
from ner_runtime.errors import InvalidModel, InvalidValue, UnknownType
from ner_runtime.inference.batches import plan_batches
from ner_runtime.inference.crf import Crf, Floats
from ner_runtime.inference.engine import Device, Engine, EngineName, Ids64, open_engine
from ner_runtime.inference.spans import Span
from ner_runtime.inference.tokenizer import Ids, Tokenizer
from ner_runtime.inference.windows import Window, merge_spans, plan_text
from ner_runtime.lexicon.features import FLAGS, Flags, match_flags
from ner_runtime.lexicon.files import read_matcher
from ner_runtime.lexicon.matcher import Matcher
from ner_runtime.manifest import CRF_FILE, ONNX_FILE, SPECIAL, VOCAB_FILE, Manifest, read_manifest, verify_files

MIN_WINDOW = 16
DEFAULT_MAX_BATCH_TOKENS = 2048
# What an unknown type is cut to in a message.
_MAX_TYPE = 40


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was found in one text, and in how many windows it was read."""

    entities: list[Entity]
    windows: int


@dataclass(frozen=True, slots=True)
class EncodedWindow:
    """A window as the encoder takes it."""

    ids: Ids  # (pieces,)
    first: Ids  # (code points,), the index in `ids` of each code point's first piece
    flags: Flags | None = None  # (code points, FLAGS), where the model has a lexicon

    @property
    def tokens(self) -> int:
        """Length in a batch, with [CLS] and [SEP]."""
        return len(self.ids) + SPECIAL


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A text that has been cut into windows and not been read yet."""

    text: str
    windows: list[Window]
    ends: list[int]
    encoded: list[EncodedWindow]

    def recognition(self, spans: Sequence[Sequence[Span]]) -> Recognition:
        """What was found in the text, from the spans of each window."""
        text = self.text
        merged = merge_spans(self.windows, spans, self.ends)
        entities = [Entity(c.type, text[c.start : c.end], c.start, c.end, c.score) for c in merged]
        return Recognition(entities, len(self.windows))


class Recognizer:
    """Finds entities in texts. Safe to use from several threads."""

    def __init__(
        self,
        manifest: Manifest,
        tokenizer: Tokenizer,
        engine: Engine,
        crf: Crf,
        lexicon: Matcher | None = None,
        *,
        window: int | None = None,
        max_batch_tokens: int = DEFAULT_MAX_BATCH_TOKENS,
    ) -> None:
        """Put the parts together; `Recognizer.open` does it from a model directory."""
        largest = manifest.geometry.longest
        self.window = min(manifest.window or largest, largest) if window is None else window
        if not MIN_WINDOW <= self.window <= largest:
            wrong = InvalidModel if window is None else InvalidValue
            raise wrong(f"window is {self.window}; allowed: {MIN_WINDOW} to {largest} pieces")
        if max_batch_tokens < 1:
            raise InvalidValue(f"max_batch_tokens is {max_batch_tokens}; allowed: 1 or more")
        self.manifest = manifest
        self._tokenizer = tokenizer
        self._engine = engine
        self._crf = crf
        self._lexicon = lexicon
        self._max_batch_tokens = max_batch_tokens

    @classmethod
    def open(
        cls,
        model: Path | str,
        *,
        threads: int = 1,
        engine: EngineName = "onnxruntime",
        device: Device = "cpu",
        window: int | None = None,
        max_batch_tokens: int = DEFAULT_MAX_BATCH_TOKENS,
    ) -> Recognizer:
        """Open a model directory.

        Args:
            model: the directory
            threads: threads of one inference
            engine: `onnxruntime` or `openvino`
            device: `cpu` or `cuda`
            window: longest stretch that is read at once, in pieces; by default what the model states, else all the
                positions it has
            max_batch_tokens: budget of one batch, windows times padded length

        Raises:
            ModelNotFound: there is no such directory.
            InvalidModel: it is damaged or incomplete, or states a window that is out of range.
            EngineUnavailable, MissingExtra: the engine or the device is not there.
            InvalidValue: `window` or `max_batch_tokens` is out of range.
        """
        directory = Path(model)
        manifest = read_manifest(directory)
        verify_files(directory, manifest)
        tokenizer = Tokenizer.from_file(directory / VOCAB_FILE, lowercase=manifest.lowercase)
        crf = Crf.from_file(directory / CRF_FILE, manifest.labels)
        lexicon = read_matcher(directory) if manifest.lexicon_kinds else None
        session = open_engine(directory / ONNX_FILE, name=engine, device=device, threads=threads)
        recognizer = cls(manifest, tokenizer, session, crf, lexicon, window=window, max_batch_tokens=max_batch_tokens)
        recognizer.recognize(["热身。"])
        return recognizer

    @property
    def types(self) -> tuple[str, ...]:
        """Entity types that the model knows."""
        return self.manifest.types

    def check_types(self, types: Iterable[str] | None) -> frozenset[str]:
        """The set of the types asked for; the model's default types for None.

        Raises:
            UnknownType: the model does not know one of them.
        """
        if types is None:
            return frozenset(self.manifest.default_types)
        asked = frozenset(types)
        unknown = sorted(asked - frozenset(self.types))
        if unknown:
            name = unknown[0][:_MAX_TYPE]
            raise UnknownType(f"unknown entity type {name!r}; this model knows {', '.join(self.types)}")
        return asked

    def recognize(self, texts: Sequence[str], types: Iterable[str] | None = None) -> list[list[Entity]]:
        """The entities of each text, sorted by offset, of the types asked for (None: the model's default types).

        A text's entities depend on nothing but the text. An empty text has none.

        Raises:
            UnknownType: the model does not know one of the types.
        """
        asked = self.check_types(types)
        return [[entity for entity in recognition.entities if entity.type in asked] for recognition in self.read(texts)]

    def read(self, texts: Sequence[str]) -> list[Recognition]:
        """As `recognize`, for all types, and with the number of windows."""
        readings = [self.encode(text) for text in texts]
        spans = iter(self.decode([window for reading in readings for window in reading.encoded]))
        return [reading.recognition(list(islice(spans, len(reading.encoded)))) for reading in readings]

    def encode(self, text: str) -> EncodedText:
        """Cut a text into windows. Who reads many texts at once may decode their windows in any order and company."""
        ids, first = self._tokenizer.encode(text)
        windows, ends = plan_text(text, first, len(ids), self.window, by_sentence=self.manifest.by_sentence)
        # Of the whole text: what is found in a window must not depend on where the window ends.
        flags = match_flags(len(text), self._lexicon.find(text)) if self._lexicon else None  # (code points, FLAGS)
        return EncodedText(text, windows, ends, [_cut(ids, first, flags, window) for window in windows])

    def decode(self, encoded: Sequence[EncodedWindow]) -> list[list[Span]]:
        """The spans of each window, in its own positions. Batches are planned by length."""
        found: list[list[Span]] = [[] for _ in encoded]
        for batch in plan_batches([window.tokens for window in encoded], self._max_batch_tokens):
            together = [encoded[index] for index in batch]
            spans = self._crf.decode(self._emissions(together), [len(window.first) for window in together])
            for index, row in zip(batch, spans, strict=True):
                found[index] = row
        return found

    def _emissions(self, encoded: Sequence[EncodedWindow]) -> Floats:
        """Logits at the first piece of each code point: (batch, code points, labels), zero past a window's end."""
        tokenizer = self._tokenizer
        sequence = max(window.tokens for window in encoded)
        ids = np.full((len(encoded), sequence), tokenizer.pad, dtype=np.int64)  # (batch, sequence)
        mask = np.zeros((len(encoded), sequence), dtype=np.int64)  # (batch, sequence)
        for row, window in enumerate(encoded):
            end = len(window.ids) + 1
            ids[row, 0], ids[row, 1:end], ids[row, end] = tokenizer.cls, window.ids, tokenizer.sep
            mask[row, : end + 1] = 1
        logits = self._logits(encoded, ids, mask)  # (batch, sequence, labels)
        if logits.shape != (*ids.shape, len(self.manifest.labels)):
            raise InvalidModel(
                f"the model's logits are {logits.shape} where {len(self.manifest.labels)} labels are due"
            )
        positions = max(len(window.first) for window in encoded)
        emissions = np.zeros((len(encoded), positions, logits.shape[2]), dtype=np.float32)
        for row, window in enumerate(encoded):
            emissions[row, : len(window.first)] = logits[row, window.first + 1]
        return emissions

    def _logits(self, encoded: Sequence[EncodedWindow], ids: Ids64, mask: Ids64) -> Floats:
        """(batch, sequence, labels), with the lexicon's flags at the first piece of each code point."""
        if self._lexicon is None:
            return self._engine.logits(ids, mask)
        flags = np.zeros((*ids.shape, FLAGS), dtype=np.uint8)  # (batch, sequence, FLAGS)
        for row, window in enumerate(encoded):
            if window.flags is not None:
                flags[row, window.first + 1] = window.flags
        return self._engine.logits(ids, mask, flags)


def _cut(ids: Ids, first: Ids, flags: Flags | None, window: Window) -> EncodedWindow:
    begin = first[window.start]
    end = len(ids) if window.end == len(first) else first[window.end]
    own = None if flags is None else flags[window.start : window.end]  # (code points, FLAGS)
    return EncodedWindow(ids[begin:end], first[window.start : window.end] - begin, own)
