"""Find entities in texts with a model directory.

    text ─▶ tokenizer ─▶ windows ─▶ batches ─▶ engine ─▶ crf ─▶ merge ─▶ entities

A recognizer does not depend on the service, the settings or the model store; `manifest.py` describes a model directory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from ner_runtime.entities import Entity
from ner_runtime.errors import InvalidModel, InvalidValue, UnknownType
from ner_runtime.inference.batches import BatchEmissions, merge_batches, plan_batches
from ner_runtime.inference.constraints.decoder import ConstrainedDecoder, ConstrainedWindow
from ner_runtime.inference.crf import Crf, Floats
from ner_runtime.inference.engine import LENGTH_STEPS, Device, Engine, EngineName, Ids64, PrecisionHint, open_engine
from ner_runtime.inference.markup import PreparedText, prepare_text
from ner_runtime.inference.span_rules import Interval, excluded_between, is_clean, repair_or_parts, repair_spans
from ner_runtime.inference.spans import Span, in_code_points
from ner_runtime.inference.tokenizers.base import Ids, Tokenizer
from ner_runtime.inference.tokenizers.factory import open_tokenizer
from ner_runtime.inference.windows import Window, holds_whole_words, merge_spans, plan_text, positions_between
from ner_runtime.lexicon.features import FLAGS, Flags, entry_matches, match_flags
from ner_runtime.lexicon.files import read_matcher
from ner_runtime.lexicon.matcher import Matcher
from ner_runtime.lexicon.user.lexicon import Lexicon
from ner_runtime.lexicon.user.matches import LexiconSet, TextMatches
from ner_runtime.manifest import CRF_FILE, ONNX_FILE, SPECIAL, Manifest, read_manifest, verify_files

RULES_VERSION = 5
"""Version of the rules for windows, markup and spans. Increase it with every change that can change entities."""
MIN_WINDOW = 16
DEFAULT_MAX_BATCH_TOKENS = 512
"""Token budget of a batch if the model was not calibrated.

Larger batches take more time per token, because their activations do not fit into the caches of a core.
"""
# Unknown types are truncated to this length in error messages.
_MAX_TYPE_CHARS = 40


@dataclass(frozen=True, slots=True)
class Recognition:
    """The entities of one text, and the number of windows that the text was split into."""

    entities: list[Entity]
    windows: int


@dataclass(frozen=True, slots=True)
class EncodedWindow:
    """A window as input for the encoder."""

    ids: Ids  # (pieces,)
    first: Ids  # (positions,), the index in `ids` of the first piece of each position
    flags: Flags | None = None  # (code points, FLAGS), if the model has a lexicon
    text: str = ""  # the code points of the window; empty: spans are not repaired
    excluded: Sequence[Interval] = ()  # parts of the window that no span may contain; see `markup.py`
    matches: TextMatches | None = None  # of the user's lexicons; None: they change nothing in the window
    offsets: Ids | None = None  # (positions, 2), code points of each word; None: each position is a code point

    @property
    def tokens(self) -> int:
        """Length in tokens, including [CLS] and [SEP]."""
        return len(self.ids) + SPECIAL

    def part(self, start: int, end: int) -> EncodedWindow:
        """Return the code points `start` to `end` (exclusive) of the window as a separate window.

        Words that begin in the part belong to it.
        """
        if self.offsets is None and start == 0 and end == len(self.text):
            return self
        first, last = (start, end) if self.offsets is None else positions_between(self.offsets, start, end)
        begin = self.first[first]
        stop = len(self.ids) if last == len(self.first) else self.first[last]
        return EncodedWindow(
            self.ids[begin:stop],
            self.first[first:last] - begin,
            None if self.flags is None else self.flags[start:end],
            self.text[start:end],
            excluded_between(self.excluded, start, end),
            None if self.matches is None else self.matches.part(start, end),
            None if self.offsets is None else self.offsets[first:last] - start,
        )


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A text split into windows that are ready to be decoded."""

    text: str
    prepared: PreparedText
    """The text as the model gets it. Positions of windows refer to this text."""
    windows: list[Window]
    ends: list[int]
    encoded: list[EncodedWindow]

    def recognition(self, spans: Sequence[Sequence[Span]]) -> Recognition:
        """Merge the decoded spans of each window into the entities of the text."""
        text, prepared = self.text, self.prepared
        if len(self.windows) == 1:
            merged = spans[0]  # already repaired
        else:
            merged = repair_spans(prepared.text, merge_spans(self.windows, spans, self.ends), prepared.excluded)
        if prepared.origin is not None:
            merged = [prepared.to_original(span) for span in merged]
        entities = [Entity(s.type, text[s.start : s.end], s.start, s.end, s.score, s.source) for s in merged]
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
        """Build a recognizer from its parts. To open a model directory, use `Recognizer.open`.

        Raises:
            InvalidModel: the default window of the model is out of range.
            InvalidValue: `window` or `max_batch_tokens` is out of range.
        """
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
        self._constrained = ConstrainedDecoder(crf, manifest.labels)
        self._lexicon = lexicon
        self.max_batch_tokens = max_batch_tokens
        self.engine_name = "onnxruntime"
        """The engine and, unless it is `f32`, its precision hint."""
        self._length_step = 1

    @classmethod
    def open(
        cls,
        model: Path | str,
        *,
        threads: int = 1,
        engine: EngineName = "onnxruntime",
        device: Device = "cpu",
        precision_hint: PrecisionHint = "f32",
        window: int | None = None,
        max_batch_tokens: int = DEFAULT_MAX_BATCH_TOKENS,
    ) -> Recognizer:
        """Open a model directory.

        Args:
            model: the directory
            threads: number of threads of one inference
            engine: `onnxruntime` or `openvino`
            device: `cpu` or `cuda`
            precision_hint: `f32`, or `bf16` to let OpenVINO compute in bfloat16
            window: length of the longest window, in pieces; default: the value in `model.json`, or else the number of
                positions of the encoder
            max_batch_tokens: largest batch: number of windows times padded length

        Raises:
            ModelNotFound: the directory does not exist.
            InvalidModel: the directory is damaged or incomplete, or its window is out of range.
            EngineUnavailable, MissingExtra: the engine or the device is not available.
            InvalidValue: `window` or `max_batch_tokens` is out of range.
        """
        directory = Path(model)
        manifest = read_manifest(directory)
        verify_files(directory, manifest)
        tokenizer = open_tokenizer(directory, manifest)
        crf = Crf.from_file(directory / CRF_FILE, manifest.labels)
        lexicon = read_matcher(directory) if manifest.lexicon_kinds else None
        session = open_engine(
            directory / ONNX_FILE, name=engine, device=device, threads=threads, precision_hint=precision_hint
        )
        recognizer = cls(manifest, tokenizer, session, crf, lexicon, window=window, max_batch_tokens=max_batch_tokens)
        recognizer.engine_name = engine if precision_hint == "f32" else f"{engine} {precision_hint}"
        recognizer._length_step = LENGTH_STEPS[engine]
        recognizer.recognize(["热身。"])
        return recognizer

    @property
    def types(self) -> tuple[str, ...]:
        """All entity types of the model."""
        return self.manifest.types

    def check_types(self, types: Iterable[str] | None, lexicon: LexiconSet | None = None) -> frozenset[str]:
        """Return the types as a set; None means the default types of the model.

        Raises:
            UnknownType: neither the model nor the lexicon has one of the types.
        """
        if types is None:
            return frozenset(self.manifest.default_types)
        requested = frozenset(types)
        unknown = sorted(requested - {*self.types, *(() if lexicon is None else lexicon.types)})
        if unknown:
            name = unknown[0][:_MAX_TYPE_CHARS]
            raise UnknownType(f"unknown entity type {name!r}; the types of this model are {', '.join(self.types)}")
        return requested

    def recognize(
        self,
        texts: Sequence[str],
        types: Iterable[str] | None = None,
        *,
        lexicon: Lexicon | LexiconSet | None = None,
    ) -> list[list[Entity]]:
        """Return the entities of each text, sorted by offset.

        The entities of a text do not depend on the other texts. An empty text has no entities.

        Args:
            texts: the texts
            types: the entity types to return; None means the default types of the model, and all entities that the
                lexicon determines
            lexicon: names that are entities, or are not; see docs/lexicons.md

        Raises:
            UnknownType: neither the model nor the lexicon has one of the types.
        """
        lexicons = LexiconSet([lexicon]) if isinstance(lexicon, Lexicon) else lexicon
        requested = self.check_types(types, lexicons)
        return [
            selected(recognition.entities, requested, every_entry=types is None)
            for recognition in self.recognize_detailed(texts, lexicons)
        ]

    def recognize_detailed(self, texts: Sequence[str], lexicon: LexiconSet | None = None) -> list[Recognition]:
        """Return, for each text, the entities of all types and the number of windows."""
        encoded_texts = [self.encode(text, lexicon) for text in texts]
        spans = iter(self.decode([window for encoded in encoded_texts for window in encoded.encoded]))
        return [encoded.recognition(list(islice(spans, len(encoded.encoded)))) for encoded in encoded_texts]

    def encode(self, text: str, lexicon: LexiconSet | None = None) -> EncodedText:
        """Split a text into windows and encode them.

        Windows of several texts may be decoded together, in any order.

        Raises:
            InvalidValue: a lexicon is given, but the model does not label code points.
        """
        if lexicon is not None and lexicon.lexicons and self.manifest.split != "characters":
            raise InvalidValue(f"lexicons need a model that labels characters; this model labels {self.manifest.split}")
        prepared = prepare_text(text) if self.manifest.skip_markup else PreparedText(text)
        shown = prepared.text
        ids, first, offsets = self._tokenizer.encode(shown)
        # Match the whole text: entries found in a window must not depend on where the window ends.
        matches = self._match(prepared, ids, first, lexicon)
        names = [] if matches is None else [(name.start, name.end) for name in matches.names]
        windows, ends = plan_text(
            shown, first, len(ids), self.window, by_sentence=self.manifest.by_sentence, whole=names, offsets=offsets
        )
        flags = None  # (code points, FLAGS)
        if self._lexicon:
            of_user = [] if matches is None else entry_matches(matches, self.manifest.lexicon_kinds)
            flags = match_flags(len(shown), [*self._lexicon.find(shown), *of_user])
        whole = EncodedWindow(ids, first, flags, shown, prepared.excluded, matches, offsets)
        encoded = [whole.part(window.start, window.end) for window in windows]
        return EncodedText(text, prepared, windows, ends, encoded)

    def run_engine(self, encoded: Sequence[EncodedWindow]) -> list[BatchEmissions]:
        """Run the encoder: the part of `decode` that uses the engine. Windows of similar length share a batch."""
        batches = plan_batches([window.tokens for window in encoded], self.max_batch_tokens)
        return [BatchEmissions(batch, self._emissions([encoded[index] for index in batch])) for batch in batches]

    def decode(
        self, encoded: Sequence[EncodedWindow], emissions: Sequence[BatchEmissions] | None = None
    ) -> list[list[Span]]:
        """Return the repaired spans of each window, in positions of that window; see `span_rules.py`.

        Args:
            encoded: the windows
            emissions: the result of `run_engine` for the same windows; None runs the engine
        """
        decoded = self._decode(encoded, self.run_engine(encoded) if emissions is None else emissions)
        unwrap = self.manifest.skip_markup
        repaired = list(decoded)
        split: list[int] = []  # the windows with spans that are split
        parts: dict[tuple[int, int, int], EncodedWindow] = {}
        for index, (window, spans) in enumerate(zip(encoded, decoded, strict=True)):
            if not window.text or not spans:
                continue
            repaired[index], intervals = repair_or_parts(window.text, spans, window.excluded, unwrap=unwrap)
            if intervals:
                split.append(index)
            for part in intervals:
                if window.offsets is None or holds_whole_words(window.offsets, *part):
                    parts[index, *part] = window.part(*part)
        if not split:
            return repaired
        part_windows = list(parts.values())
        decoded_parts = dict(zip(parts, self._decode(part_windows, self.run_engine(part_windows)), strict=True))

        def repair_again(index: int) -> list[Span]:
            def decode_part(start: int, end: int) -> list[Span] | None:
                spans = decoded_parts.get((index, start, end))
                return None if spans is None else [span.moved(start) for span in spans]

            window = encoded[index]
            return repair_spans(window.text, decoded[index], window.excluded, decode_part, unwrap=unwrap)

        for index in split:
            repaired[index] = repair_again(index)
        return repaired

    def _match(self, prepared: PreparedText, ids: Ids, first: Ids, lexicon: LexiconSet | None) -> TextMatches | None:
        """Apply the user's lexicons to a text; None if they change nothing in it."""
        if lexicon is None:
            return None

        def permitted(start: int, end: int) -> Interval | None:
            if len(ids) > self.window:
                last = len(ids) if end == len(first) else first[end]
                if last - first[start] > self.window:
                    return None
            if is_clean(prepared.text, start, end, prepared.excluded):
                return start, end
            # An occurrence that breaks the rules for spans, as across the edge of markup, is no entity.
            spans = repair_spans(
                prepared.text, [Span("", start, end)], prepared.excluded, unwrap=self.manifest.skip_markup
            )
            return (spans[0].start, spans[0].end) if len(spans) == 1 else None

        return lexicon.match(prepared.text, permitted)

    def _constraints(self, window: EncodedWindow) -> ConstrainedWindow | None:
        if window.matches is None:
            return None
        return ConstrainedWindow(window.text, window.excluded, window.matches, self.manifest.skip_markup)

    def _decode(self, encoded: Sequence[EncodedWindow], emissions: Sequence[BatchEmissions]) -> list[list[Span]]:
        """Return the spans of each window as decoded by the CRF."""
        decoded: list[list[Span]] = [[] for _ in encoded]
        for batch in merge_batches(emissions):
            windows = [encoded[index] for index in batch.windows]
            lengths = [len(window.first) for window in windows]
            constraints = [self._constraints(window) for window in windows]
            if any(constraints):
                spans = self._constrained.decode(batch.emissions, lengths, constraints)
            else:
                spans = self._crf.decode(batch.emissions, lengths)
            for index, row in zip(batch.windows, spans, strict=True):
                offsets = encoded[index].offsets
                decoded[index] = row if offsets is None else in_code_points(row, offsets)
        return decoded

    def _emissions(self, encoded: Sequence[EncodedWindow]) -> Floats:
        """Return the logits at the first piece of each position: (batch, positions, labels), padded with zeros."""
        tokenizer = self._tokenizer
        longest = max(window.tokens for window in encoded)
        stepped = -(-longest // self._length_step) * self._length_step
        sequence = max(longest, min(stepped, self.manifest.geometry.longest + SPECIAL))
        ids = np.full((len(encoded), sequence), tokenizer.pad, dtype=np.int64)  # (batch, sequence)
        mask = np.zeros((len(encoded), sequence), dtype=np.int64)  # (batch, sequence)
        for row, window in enumerate(encoded):
            end = len(window.ids) + 1
            ids[row, 0], ids[row, 1:end], ids[row, end] = tokenizer.cls, window.ids, tokenizer.sep
            mask[row, : end + 1] = 1
        logits = self._logits(encoded, ids, mask)  # (batch, sequence, labels)
        if logits.shape != (*ids.shape, len(self.manifest.labels)):
            raise InvalidModel(
                f"the logits of the model have the shape {logits.shape}; expected: {len(self.manifest.labels)} labels"
            )
        positions = max(len(window.first) for window in encoded)
        emissions = np.zeros((len(encoded), positions, logits.shape[2]), dtype=np.float32)
        for row, window in enumerate(encoded):
            emissions[row, : len(window.first)] = logits[row, window.first + 1]
        return emissions

    def _logits(self, encoded: Sequence[EncodedWindow], ids: Ids64, mask: Ids64) -> Floats:
        """Run the engine and return the logits: (batch, sequence, labels).

        If the model has a lexicon, the flags of each code point are passed at its first piece.
        """
        if self._lexicon is None:
            return self._engine.logits(ids, mask)
        flags = np.zeros((*ids.shape, FLAGS), dtype=np.uint8)  # (batch, sequence, FLAGS)
        for row, window in enumerate(encoded):
            if window.flags is not None:
                flags[row, window.first + 1] = window.flags
        return self._engine.logits(ids, mask, flags)


def selected(entities: Iterable[Entity], types: frozenset[str], *, every_entry: bool) -> list[Entity]:
    """Return the entities of some types; with `every_entry`, also all entities that a lexicon determines."""
    return [entity for entity in entities if entity.type in types or (every_entry and entity.source == "lexicon")]
