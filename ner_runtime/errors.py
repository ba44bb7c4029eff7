"""Every error this project raises on purpose: a code for programs, a sentence for people.

The core raises these and knows nothing of HTTP statuses or exit codes: `serving/errors.py` maps codes to statuses,
`cli.py` maps them to exit codes. A message may name a wrong field or type, shortened; it never holds a text to be read,
and goes to who sent it, not into the log.
"""

from __future__ import annotations


class RanerError(Exception):
    """An expected failure. `code` is stable and part of the public contract; `message` is one line."""

    code = "internal"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class MalformedRequest(RanerError):
    """The request cannot be read at all: broken JSON, broken UTF-8."""

    code = "malformed_request"


class InvalidValue(RanerError):
    """The request can be read, but a field is missing, unknown or holds a value that is not allowed."""

    code = "invalid_value"


class UnknownType(RanerError):
    """An entity type was asked for that the model does not know."""

    code = "unknown_type"


class EmptyText(RanerError):
    """The text holds no character."""

    code = "empty_text"


class TextTooLong(RanerError):
    """The text is longer than the configured limit."""

    code = "text_too_long"


class SettingError(RanerError):
    """A setting holds a value that is not allowed."""

    code = "invalid_setting"


class ModelNotFound(RanerError):
    """No model directory, stored tag or hub id of that name."""

    code = "model_not_found"


class InvalidModel(RanerError):
    """A model directory is damaged, incomplete or not of this format."""

    code = "invalid_model"


class UnsupportedCheckpoint(RanerError):
    """A checkpoint of a family that this runtime cannot serve."""

    code = "unsupported_checkpoint"


class InvalidCheckpoint(RanerError):
    """A checkpoint that is damaged, incomplete or unsafe to read."""

    code = "invalid_checkpoint"


class HubUnavailable(RanerError):
    """The model hub cannot be reached, or does not hold what was asked for."""

    code = "hub_unavailable"


class StoreError(RanerError):
    """The model store cannot be read or written."""

    code = "store_error"


class EngineUnavailable(RanerError):
    """The inference engine or the device asked for is not there."""

    code = "engine_unavailable"


class MissingExtra(RanerError):
    """A command needs packages that serving does not; the message says how to install them."""

    code = "missing_extra"


class InputError(RanerError):
    """A file given on the command line cannot be read or does not hold what it should."""

    code = "invalid_input"
