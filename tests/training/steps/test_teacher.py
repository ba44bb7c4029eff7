"""The teacher's sources and tags. LAC itself needs an environment of its own and does not run here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.data.words import NO_WORD, Word, encode_words
from training.steps.teacher import choose, label, pieces, sources


class CharacterTeacher:
    """Labels every character as a noun, and no sentence with a question mark."""

    def words(self, sentences: Sequence[str]) -> list[list[Word]]:
        return [[] if "？" in each else [(character, "n") for character in each] for each in sentences]


def test_every_file_and_corpus_is_a_source(data: Path) -> None:
    names = [name for name, _ in sources(data)]
    assert {"news", "encyclopedia", "msra", "gm_time_extra_pd_msra_overlap"} <= set(names)
    assert not {"news_heldout", "uner_gsd_trad"} & set(names)
    assert len(names) == len(set(names))


def test_the_choice_is_repeatable_and_stops_at_the_limit() -> None:
    lines = [f"{number}" * 10 for number in range(10)]
    assert choose(lines, 35) == choose(lines, 35)
    assert len(choose(lines, 35)) == 4
    assert sorted(choose(lines, 1000)) == lines


def test_pieces_add_up_to_the_line() -> None:
    line = "第一句。第二句！" + "长" * 300 + "\n"
    assert "".join(pieces(line)) == line
    assert max(map(len, pieces(line))) <= 121


def test_labels_are_at_their_characters() -> None:
    codes, tags = label(CharacterTeacher(), ["好。", "好？"])  # type: ignore[arg-type]
    assert codes.tobytes().decode("utf-32-le") == "好。\n好？\n"
    noun = encode_words([("好", "n")])[0]
    assert tags.tolist() == [noun, noun, NO_WORD, NO_WORD, NO_WORD, NO_WORD]
    assert tags.dtype == np.uint8
