"""All steps on a tiny made-up sample: vocabulary, lexicon, pretraining, fine-tuning, averaging, merging, release."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ner_runtime import Recognizer, evaluation
from ner_runtime.jsonl import read_sentences
from training.data import lexicon, vocabulary
from training.data.corpora import CORPORA, TYPES
from training.data.words import encode_words
from training.network.checkpoint import read_checkpoint
from training.report import curves
from training.run import Log, load_state
from training.steps import average, evaluate, finetune, merge, pretrain, release, teacher

PRETRAINING = ["--batch", "4", "--length", "32", "--warm-up", "2"]
FINE_TUNING = ["--budget", "256", "--dev-limit", "4", "--crf-share", "0.5"]


def write_words(data: Path, folder: Path) -> None:
    """Labelled text like the teacher's, in which each character is a word."""
    folder.mkdir()
    for name, lines in teacher.sources(data):
        text = "".join(f"{line}\n" for line in lines)
        tags = encode_words([(character, "n") for character in text])
        np.savez(folder / f"{name}.npz", codes=np.frombuffer(text.encode("utf-32-le"), dtype="<u4"), tags=tags)


def run_pretraining(work: Path, folder: str, steps: int, **options: str) -> dict[str, Any]:
    flags = [flag for name, value in options.items() for flag in (f"--{name.replace('_', '-')}", value)]
    pretrain.main([
        "--words", str(work / "words"), "--vocabulary", str(work / "vocab.txt"), "--folder", str(work / folder),
        "--steps", str(steps), *PRETRAINING, *flags,
    ])  # fmt: skip
    state = load_state(work / folder / "state.pt")
    assert state is not None
    return state


def run_fine_tuning(
    data: Path, work: Path, folder: str, steps: int, stop_at: int | None = None, review: Path | None = None
) -> dict[str, Any]:
    finetune.main([
        "--data", str(data), "--vocabulary", str(work / "vocab.txt"), "--folder", str(work / folder),
        "--pretrained", str(work / "pretrain" / "state.pt"), "--steps", str(steps), "--snapshot-every", "2",
        *(["--stop-at", str(stop_at)] if stop_at else []), *(["--review", str(review)] if review else []), *FINE_TUNING,
    ])  # fmt: skip
    state = load_state(work / folder / "state.pt")
    assert state is not None
    return state


def lean(data: Path, work: Path, start: Path) -> None:
    """Continue from a model or checkpoint, with more of one corpus."""
    finetune.main([
        "--data", str(data), "--start", str(start), "--lean", "uner_gsdsimp", "--folder", str(work / "leaning"),
        "--steps", "2", *FINE_TUNING,
    ])  # fmt: skip


def same(one: object, two: object) -> bool:
    """Whether two states hold the same numbers."""
    if isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor):
        return torch.equal(one, two)
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(same(first, second) for first, second in zip(one, two, strict=True))
    return one == two


@pytest.fixture(scope="module")
def work(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder after vocabulary, pretraining, fine-tuning and averaging."""
    folder = tmp_path_factory.mktemp("work")
    vocabulary.main(["--data", str(data), "--size", "260", "--output", str(folder / "vocab.txt")])
    write_words(data, folder / "words")
    run_pretraining(folder, "pretrain", 4)
    run_fine_tuning(data, folder, "finetune", 4)
    average.main([
        "--data", str(data), "--vocabulary", str(folder / "vocab.txt"), "--folder", str(folder / "finetune"),
        "--output", str(folder / "model"), "--dev-limit", "4",
    ])  # fmt: skip
    return folder


def test_a_checkpoint_is_written(work: Path) -> None:
    assert (work / "model" / "pytorch_model.bin").is_file()
    scores = json.loads((work / "model" / "scores.json").read_text(encoding="utf-8"))
    assert "msra" in scores


def test_measuring_a_checkpoint_leaves_the_scores_it_was_chosen_by(
    data: Path, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen_by = (work / "model" / "scores.json").read_bytes()
    evaluate.main([str(work / "model"), "--data", str(data), "--sets", "msra", "--test"])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["msra", "msra/test"]
    assert (work / "model" / "scores.json").read_bytes() == chosen_by


def test_the_checkpoint_is_released_and_its_mistakes_are_reviewed(data: Path, work: Path) -> None:
    release.main(["--checkpoint", str(work / "model"), "--target", str(work / "released")])
    recognizer = Recognizer.open(work / "released")
    assert recognizer.types == TYPES
    mapping = {type_: type_ for type_ in TYPES}
    tally = evaluation.evaluate(recognizer, read_sentences(str(data / "ner" / "msra" / "dev.jsonl.gz")), mapping)
    assert tally.score(["PER"]).support > 0
    assert run_fine_tuning(data, work, "reviewed", 2, review=work / "released")["step"] == 2
    assert list((work / "reviewed").glob(f"mistakes-{recognizer.manifest.version}.npz"))


def test_a_leaning_run_is_merged_with_its_start(data: Path, work: Path) -> None:
    lean(data, work, work / "model")
    average.main([
        "--data", str(data), "--vocabulary", str(work / "vocab.txt"), "--folder", str(work / "leaning"),
        "--output", str(work / "leant"), "--dev-limit", "4",
    ])  # fmt: skip
    merge.main([
        f"{work / 'model'}=1", f"{work / 'leant'}=1", "--output", str(work / "merged"), "--data", str(data),
        "--dev-limit", "4",
    ])  # fmt: skip
    start, leant, merged = (
        read_checkpoint(work / name)[0].linear.weight.detach() for name in ("model", "leant", "merged")
    )
    assert not torch.equal(start, leant)
    assert torch.allclose(merged, (start + leant) / 2, atol=1e-6)


def test_a_leaning_run_sees_some_corpora_more_often_and_others_less(data: Path) -> None:
    usual = finetune.read_corpora(data)
    leaning = finetune.read_corpora(data, ["weibo"])
    factors = {
        corpus.name: round(more / repeat, 6)
        for corpus, (_, repeat), (_, more) in zip(CORPORA, usual, leaning, strict=True)
    }
    assert factors.pop("weibo") == 4
    assert set(factors.values()) == {0.3}


def test_a_run_of_the_small_tensors_leaves_the_weight_matrices_as_they_are(data: Path, work: Path) -> None:
    folder = work / "small"
    finetune.main([
        "--small", "--data", str(data), "--start", str(work / "model"), "--folder", str(folder), "--steps", "2",
        "--snapshot-every", "2", *FINE_TUNING,
    ])  # fmt: skip
    before = finetune.read_start(work / "model", 0.0)[0].state_dict()
    after = torch.load(folder / "snapshots" / "0000002.pt", weights_only=True)
    changed = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert {"linear.weight", "crf.transitions"} <= changed
    assert {name for name in changed if after[name].dim() > 1} <= {"linear.weight", "crf.transitions"}


def test_a_lexicon_is_added_to_a_trained_model(data: Path, work: Path) -> None:
    lists = work / "jieba.txt"
    lists.write_text("昨天 500 t\n参观 40 v\n青山市 20 ns\n", encoding="utf-8")
    (work / "pieces.txt").write_text("￥\nㆍ\n", encoding="utf-8")
    lexicon.main(["--data", str(data), "--jieba", str(lists), "--output", str(work / "lexicon")])
    with_lexicon = ["--lexicon", str(work / "lexicon"), "--data", str(data)]
    finetune.main([
        *with_lexicon, "--start", str(work / "model"), "--pieces", str(work / "pieces.txt"), "--steps", "2",
        "--folder", str(work / "informed"), "--snapshot-every", "2", *FINE_TUNING,
    ])  # fmt: skip
    average.main([
        *with_lexicon, "--vocabulary", str(work / "informed" / "vocab.txt"), "--folder", str(work / "informed"),
        "--output", str(work / "with-lexicon"), "--dev-limit", "4",
    ])  # fmt: skip
    release.main([
        "--checkpoint", str(work / "with-lexicon"), "--lexicon", str(work / "lexicon"),
        "--target", str(work / "released-with-lexicon"),
    ])  # fmt: skip
    recognizer = Recognizer.open(work / "released-with-lexicon")
    assert recognizer.manifest.lexicon_kinds == lexicon.KINDS
    assert recognizer.recognize(["张小明昨天在青山市参观了青山大学。"]) is not None


def test_the_curves_are_drawn(work: Path) -> None:
    curves.main([
        "--pretraining", str(work / "pretrain"), "--fine-tuning", str(work / "finetune"),
        "--output", str(work / "curves.png"),
    ])  # fmt: skip
    assert (work / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_log_has_losses_and_scores(work: Path) -> None:
    lines = Log(work / "finetune" / "log.jsonl").read()
    assert [line["step"] for line in lines if "dev" in line] == [2, 4]
    assert Log(work / "pretrain" / "log.jsonl").read()[-1]["step"] == 4


def test_a_resumed_pretraining_ends_like_an_uninterrupted_one(work: Path) -> None:
    run_pretraining(work, "stopped", 4, stop_at="2")
    resumed = run_pretraining(work, "stopped", 4)
    assert same(resumed, load_state(work / "pretrain" / "state.pt"))


def test_a_resumed_fine_tuning_ends_like_an_uninterrupted_one(data: Path, work: Path) -> None:
    run_fine_tuning(data, work, "stopped-too", 4, stop_at=3)
    resumed = run_fine_tuning(data, work, "stopped-too", 4)
    assert same(resumed, load_state(work / "finetune" / "state.pt"))
