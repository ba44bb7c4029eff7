"""All expected errors, each with a code for programs and a message for people.

`serving/api/errors.py` maps the codes to HTTP statuses, `cli/app.py` to exit codes. A message can contain the name of a
field or a type, truncated, but never the text of a request. It is returned to the client; if a model cannot be loaded
or updated, it is also logged.
"""

from __future__ import annotations


class RanerError(Exception):
    """Base class of all expected errors. `code` is part of the public contract; `message` is one line."""

    code = "internal"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class MalformedRequest(RanerError):
    """The request cannot be parsed: it is not valid JSON or not valid UTF-8."""

    code = "malformed_request"


class InvalidValue(RanerError):
    """A field or parameter is missing, unknown, or has a value that is not allowed."""

    code = "invalid_value"


class UnknownType(RanerError):
    """The model does not have a requested entity type."""

    code = "unknown_type"


class EmptyText(RanerError):
    """The text is empty."""

    code = "empty_text"


class TextTooLong(RanerError):
    """The text is longer than the configured limit."""

    code = "text_too_long"


class SettingError(RanerError):
    """A setting has a value that is not allowed."""

    code = "invalid_setting"


class ModelNotFound(RanerError):
    """No model directory, stored model or hub id has the given name."""

    code = "model_not_found"


class InvalidModel(RanerError):
    """A model directory is damaged, incomplete or in another format."""

    code = "invalid_model"


class UnsupportedCheckpoint(RanerError):
    """A checkpoint belongs to a model family that is not supported."""

    code = "unsupported_checkpoint"


class InvalidCheckpoint(RanerError):
    """A checkpoint is damaged, incomplete or unsafe to read."""

    code = "invalid_checkpoint"


class InvalidLexicon(RanerError):
    """A lexicon file cannot be read or contains no valid entry."""

    code = "invalid_lexicon"


class HubUnavailable(RanerError):
    """The model hub cannot be reached, or does not have the requested model."""

    code = "hub_unavailable"


class StoreError(RanerError):
    """The model store cannot be read or written."""

    code = "store_error"


class EngineUnavailable(RanerError):
    """The requested engine or device is not available."""

    code = "engine_unavailable"


class MissingExtra(RanerError):
    """An optional package is not installed; the message says how to install it."""

    code = "missing_extra"


class InputError(RanerError):
    """An input file cannot be read or does not have the expected contents."""

    code = "invalid_input"
