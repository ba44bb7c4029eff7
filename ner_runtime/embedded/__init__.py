"""The model that ships with the package and works without a download."""

from pathlib import Path

NAME = "raner-mini"


def embedded_model() -> Path:
    """Return the directory of the embedded model."""
    return Path(__file__).parent / NAME
