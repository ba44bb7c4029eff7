"""RaNER runtime: people, places and organisations in Chinese text.

from ner_runtime import Recognizer

recognizer = Recognizer.open("path/to/a/model/directory")
[entities] = recognizer.recognize(["马云在杭州。"])
"""

from ner_runtime.entities import Entity
from ner_runtime.errors import RanerError
from ner_runtime.recognizer import Recognition, Recognizer

__version__ = "0.1.0"

__all__ = ["Entity", "RanerError", "Recognition", "Recognizer"]
