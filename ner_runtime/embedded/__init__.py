"""The model that ships with the package, so that everything works at once and offline."""

from pathlib import Path

NAME = "raner-mini"


def embedded_model() -> Path:
    """Directory of the embedded model."""
    return Path(__file__).parent / NAME
