"""Measure the engine, the recognizer and HTTP for `raner bench`, on sentences of one length, with one thread.

Each measurement adds one layer to the previous one, so the difference between the two is the cost of that layer.
Figures depend on the machine and its other load: to compare two versions, measure both in one run.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import numpy as np

from ner_runtime.errors import InputError
from ner_runtime.inference.engine import Device, open_engine
from ner_runtime.lexicon.features import FLAGS
from ner_runtime.manifest import ONNX_FILE, read_manifest
from ner_runtime.models.registry.calibration import EngineOptions
from ner_runtime.recognizer import Recognizer
from ner_runtime.serving.lifecycle.service_process import exit_on_sigterm, service_process

SENTENCE_CHARS = 45
SENTENCES = 512
BATCH = 64
CLIENTS = 16

# Do not change or reorder the words: the sentences would change, and figures could not be compared with earlier ones.
_WORD_LIST = """
上海 记者 公司 表示 将 在 北京 举行 发布会 的 新 产品 总裁 张伟 和 教授 李娜 参加 了 会议 杭州 市民
对此 非常 关注 据 报道 今年 经济 增长 华为 与 清华大学 合作 研究 项目 获得 成功 ， 并 且 已经 开始 使用 昨天
"""
_WORDS = _WORD_LIST.split()


@dataclass(frozen=True, slots=True)
class Rung:
    """The result of one measurement; latencies are those of one call."""

    name: str
    sentences_per_s: float
    p50_ms: float
    p99_ms: float


def bench_sentences(count: int = SENTENCES, length: int = SENTENCE_CHARS) -> list[str]:
    """Make sentences of `length` characters, the same in every run."""
    random = Random(45)  # noqa: S311 - not used for cryptography
    return ["".join(random.choices(_WORDS, k=length))[: length - 1] + "。" for _ in range(count)]


def bench_engine(model: Path, options: EngineOptions, device: Device, seconds: float) -> Rung:
    """Measure the encoder alone, on batches of piece ids."""
    manifest = read_manifest(model)
    session = open_engine(
        model / ONNX_FILE, name=options.engine, device=device, threads=1, precision_hint=options.precision_hint
    )
    shape = (BATCH, SENTENCE_CHARS + 2)
    ids = np.random.default_rng(45).integers(0, manifest.geometry.vocab, shape)  # (batch, sequence)
    mask = np.ones(shape, dtype=np.int64)  # (batch, sequence)
    # No lexicon matches: the values do not affect the speed.
    lexicon = np.zeros((*shape, FLAGS), dtype=np.uint8) if manifest.lexicon_kinds else None  # (batch, sequence, flags)
    return _measure("engine, batches of 64", BATCH, lambda: session.logits(ids, mask, lexicon), seconds)


def bench_recognizer(recognizer: Recognizer, seconds: float) -> list[Rung]:
    """Measure the recognizer in this process, on lists of texts and on single texts."""
    texts = bench_sentences()
    lists = cycle(texts[start : start + BATCH] for start in range(0, len(texts), BATCH))
    single = cycle(texts)
    return [
        _measure("recognizer, lists of 64", BATCH, lambda: recognizer.recognize(next(lists)), seconds),
        _measure("recognizer, one by one", 1, lambda: recognizer.recognize([next(single)]), seconds),
    ]


def bench_http(url: str, seconds: float) -> list[Rung]:
    """Measure `POST /ner` of a running service, with one client and with sixteen."""
    bodies = [json.dumps({"text": text}).encode() for text in bench_sentences()]
    return [_load(url, bodies, clients, seconds) for clients in (1, CLIENTS)]


@contextmanager
def bench_service(model: Path) -> Generator[str]:
    """Run the service with one worker of one thread; yields its URL.

    The cache is off, because the sentences repeat. API keys and limits from the environment do not apply.

    Raises:
        ServiceNotReady: `service.py` is not next to the package, or the service does not start.
    """
    settings = {
        "RANER_MODEL": str(model),
        "RANER_MODELS": "",
        "RANER_WORKERS": "1",
        "RANER_THREADS": "1",
        "RANER_CACHE_URL": "off",
    }
    settings |= {"RANER_API_KEYS": "", "RANER_RATE_LIMIT": "", "RANER_MAX_CONCURRENCY": ""}
    exit_on_sigterm()
    with service_process(settings) as service:
        yield service.url


def _measure(name: str, sentences: int, call: Callable[[], object], seconds: float) -> Rung:
    for _ in range(3):
        call()
    durations: list[float] = []
    end = time.perf_counter() + seconds
    while (started := time.perf_counter()) < end:
        call()
        durations.append(time.perf_counter() - started)
    return _rung(name, sentences * len(durations) / sum(durations), durations)


def _load(url: str, bodies: Sequence[bytes], clients: int, seconds: float) -> Rung:
    started = time.perf_counter()
    end = started + seconds
    with ThreadPoolExecutor(clients) as pool:
        futures = [pool.submit(_client, url, islice(cycle(bodies), index, None), end) for index in range(clients)]
        durations = [duration for future in futures for duration in future.result()]
    return _rung(f"HTTP, {clients} at once", len(durations) / (time.perf_counter() - started), durations)


def _client(url: str, bodies: islice[bytes], end: float) -> list[float]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc)
    durations: list[float] = []
    while (started := time.perf_counter()) < end:
        try:
            connection.request("POST", "/ner", next(bodies), {"content-type": "application/json"})
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            raise InputError(f"{url} cannot be reached: {error}") from None
        if response.status != http.HTTPStatus.OK:
            raise InputError(f"{url} returned status {response.status}")
        durations.append(time.perf_counter() - started)
    connection.close()
    return durations


def _rung(name: str, sentences_per_s: float, durations: Sequence[float]) -> Rung:
    p50, p99 = np.percentile(durations, [50, 99]) * 1000
    return Rung(name, round(sentences_per_s, 1), round(float(p50), 3), round(float(p99), 3))
