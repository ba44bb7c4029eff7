"""Find entities in texts with a model directory.

    text ─▶ tokenizer ─▶ windows ─▶ batches ─▶ engine ─▶ crf ─▶ merge ─▶ entities

A recognizer does not depend on the service, the settings or the model store; `manifest.py` describes a model directory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from ner_runtime.entities import Entity, Recognition, selected
from ner_runtime.errors import InvalidModel, InvalidValue, UnknownType
from ner_runtime.inference.batches import BatchEmissions
from ner_runtime.inference.crf import Crf
from ner_runtime.inference.decoder import Decoder
from ner_runtime.inference.encoder import Encoder
from ner_runtime.inference.engine import (
    LENGTH_STEPS,
    Device,
    Engine,
    EngineName,
    PrecisionHint,
    default_batch_tokens,
    open_engine,
)
from ner_runtime.inference.spans import Span
from ner_runtime.inference.tokenizers.base import Tokenizer
from ner_runtime.inference.tokenizers.factory import open_tokenizer
from ner_runtime.inference.windows.encoded import EncodedText, EncodedWindow
from ner_runtime.inference.windows.splitter import TextSplitter
from ner_runtime.lexicon.files import read_matcher
from ner_runtime.lexicon.matcher import Matcher
from ner_runtime.lexicon.user.lexicon import Lexicon
from ner_runtime.lexicon.user.matches import LexiconSet
from ner_runtime.manifest import CRF_FILE, ONNX_FILE, Manifest, read_manifest, verify_files

RULES_VERSION = 5
"""Version of the rules for windows, markup and spans. Increase it with every change that can change entities."""
MIN_WINDOW = 16
# Unknown types are truncated to this length in error messages.
_MAX_TYPE_CHARS = 40


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
        max_batch_tokens: int | None = None,
        engine_name: str = "onnxruntime",
        length_step: int = 1,
    ) -> None:
        """Build a recognizer from its parts. To open a model directory, use `Recognizer.open`.

        The lengths of batches are padded to multiples of `length_step`. The default of `max_batch_tokens` is that for
        a CPU.

        Raises:
            InvalidModel: the default window of the model is out of range.
            InvalidValue: `window` or `max_batch_tokens` is out of range.
        """
        largest = manifest.geometry.longest
        self.window = min(manifest.window or largest, largest) if window is None else window
        if not MIN_WINDOW <= self.window <= largest:
            wrong = InvalidModel if window is None else InvalidValue
            raise wrong(f"window is {self.window}; allowed: {MIN_WINDOW} to {largest} pieces")
        if max_batch_tokens is None:
            max_batch_tokens = default_batch_tokens(manifest.geometry.hidden)
        if max_batch_tokens < 1:
            raise InvalidValue(f"max_batch_tokens is {max_batch_tokens}; allowed: 1 or more")
        self.manifest = manifest
        self.max_batch_tokens = max_batch_tokens
        self.engine_name = engine_name
        """The engine and, unless it is `f32`, its precision hint."""
        self._splitter = TextSplitter(manifest, tokenizer, lexicon, self.window)
        self._encoder = Encoder(manifest, tokenizer, engine, length_step)
        self._decoder = Decoder(manifest, crf)

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
        max_batch_tokens: int | None = None,
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
            max_batch_tokens: largest batch: number of windows times padded length; default: `default_batch_tokens`

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
        if max_batch_tokens is None:
            max_batch_tokens = default_batch_tokens(manifest.geometry.hidden, device)
        session = open_engine(
            directory / ONNX_FILE, name=engine, device=device, threads=threads, precision_hint=precision_hint
        )
        recognizer = cls(
            manifest,
            tokenizer,
            session,
            crf,
            lexicon,
            window=window,
            max_batch_tokens=max_batch_tokens,
            engine_name=engine if precision_hint == "f32" else f"{engine} {precision_hint}",
            length_step=LENGTH_STEPS[engine],
        )
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
        return self._splitter.split(text, lexicon)

    def run_engine(self, encoded: Sequence[EncodedWindow]) -> list[BatchEmissions]:
        """Run the encoder: the part of `decode` that uses the engine. Windows of similar length share a batch."""
        return self._encoder.run(encoded, self.max_batch_tokens)

    def decode(
        self, encoded: Sequence[EncodedWindow], emissions: Sequence[BatchEmissions] | None = None
    ) -> list[list[Span]]:
        """Return the repaired spans of each window, in positions of that window; see `span_rules.py`.

        Args:
            encoded: the windows
            emissions: the result of `run_engine` for the same windows; None runs the engine
        """
        return self._decoder.decode(encoded, emissions, self.run_engine)
