"""Find people, places and organisations in Chinese text with RaNER.

from ner_runtime import Recognizer, embedded_model

recognizer = Recognizer.open(embedded_model())
[entities] = recognizer.recognize(["马云在杭州。"])
"""

import os

# ONNX Runtime reports each model that it loads to Microsoft unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from ner_runtime.embedded import embedded_model
from ner_runtime.entities import Entity, Recognition
from ner_runtime.errors import (
    EmptyText,
    EngineUnavailable,
    HubUnavailable,
    InputError,
    InvalidCheckpoint,
    InvalidLexicon,
    InvalidModel,
    InvalidValue,
    MalformedRequest,
    MissingExtra,
    ModelNotFound,
    RanerError,
    SettingError,
    StoreError,
    TextTooLong,
    UnknownType,
    UnsupportedCheckpoint,
)
from ner_runtime.lexicon.user.entries import Entry
from ner_runtime.lexicon.user.lexicon import Lexicon
from ner_runtime.recognizer import Recognizer

__version__ = "0.1.0"

__all__ = [
    "EmptyText",
    "EngineUnavailable",
    "Entity",
    "Entry",
    "HubUnavailable",
    "InputError",
    "InvalidCheckpoint",
    "InvalidLexicon",
    "InvalidModel",
    "InvalidValue",
    "Lexicon",
    "MalformedRequest",
    "MissingExtra",
    "ModelNotFound",
    "RanerError",
    "Recognition",
    "Recognizer",
    "SettingError",
    "StoreError",
    "TextTooLong",
    "UnknownType",
    "UnsupportedCheckpoint",
    "embedded_model",
]
