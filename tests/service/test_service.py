"""The real service over HTTP."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings

from ner_runtime import Recognizer
from tests.support.servers.service import PATIENCE_S, REPOSITORY, Server, bentoml, environment, free_port, serve
from tests.support.servers.workers import workers
from tests.support.texts.examples import EXAMPLE, EXAMPLE_SPANS, NEWS, spans
from tests.support.texts.strategies import real_text

JSON = {"content-type": "application/json"}


def error(response: httpx.Response) -> tuple[int, str]:
    body = response.json()
    assert set(body) == {"success", "error"}
    assert body["success"] is False
    assert set(body["error"]) == {"code", "message"}
    return response.status_code, body["error"]["code"]


def test_the_example_of_the_readme(client: httpx.Client) -> None:
    response = client.post("/ner", json={"text": EXAMPLE}).json()
    assert response["success"] is True
    assert spans(response["data"]) == EXAMPLE_SPANS
    assert [entity["span"] for entity in response["data"]] == ["阿里巴巴集团", "马云", "杭州", "中国人工智能学会"]
    assert [entity["color"] for entity in response["data"]] == ["yellow", "red", "cyan", "yellow"]
    assert all(0.5 < entity["score"] <= 1 for entity in response["data"])
    meta = response["meta"]
    assert (meta["model"], meta["precision"], meta["windows"]) == ("raner-mini", "int8", 1)
    assert meta["offset_unit"] == "code_point"
    assert meta["timings_ms"]["total"] >= meta["timings_ms"]["inference"] > 0


def test_a_repeated_text_is_cached_whatever_its_options(client: httpx.Client) -> None:
    text = f"{EXAMPLE}又一次。"
    first = client.post("/ner", json={"text": text}).json()
    again = client.post("/ner", json={"text": text}).json()
    assert (first["meta"]["cached"], again["meta"]["cached"]) == (False, True)
    assert first["data"] == again["data"]
    people = client.post("/ner", json={"text": text, "types": ["PER"], "offset_unit": "utf16"}).json()
    assert people["meta"]["cached"]
    assert spans(people["data"]) == [one for one in spans(first["data"]) if one[0] == "PER"]
    both = client.post("/ner/batch", json={"texts": [text, f"{text}没有"]}).json()
    assert (both["meta"]["cached"], both["data"][0]) == (False, first["data"])


def test_concurrent_requests_of_the_same_text_share_one_inference(client: httpx.Client) -> None:
    def windows_run() -> float:
        lines = client.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("raner_batch_size_sum"))

    before = windows_run()
    text = f"同时问的人很多，{EXAMPLE}"
    with ThreadPoolExecutor(50) as pool:
        responses = list(pool.map(lambda _: client.post("/ner", json={"text": text}), range(200)))
    # Requests beyond max_concurrency are refused.
    assert {response.status_code for response in responses} <= {200, 429}
    assert len({json.dumps(response.json()["data"]) for response in responses if response.is_success}) == 1
    assert windows_run() - before == 1


def test_types_and_offset_unit(client: httpx.Client) -> None:
    response = client.post("/ner", json={"text": f"😀{EXAMPLE}", "types": ["PER"], "offset_unit": "utf16"}).json()
    assert spans(response["data"]) == [("PER", 11, 13)]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=real_text.filter(bool))
def test_offsets_are_right_for_any_text(client: httpx.Client, text: str) -> None:
    body = {"text": text, "offset_unit": "utf16"}
    response = client.post("/ner", content=json.dumps(body).encode(), headers=JSON)
    assert response.status_code == 200
    units = text.encode("utf-16-le", "surrogatepass")
    for entity in response.json()["data"]:
        cut = units[entity["start_offset"] * 2 : entity["end_offset"] * 2]
        assert cut.decode("utf-16-le", "surrogatepass") == entity["span"]


def test_an_invalid_text_of_a_batch_does_not_affect_the_others(client: httpx.Client) -> None:
    response = client.post("/ner/batch", json={"texts": [EXAMPLE, "", 7, "a" * 100_001, "没有"]}).json()
    assert response["success"] is True
    assert spans(response["data"][0]) == EXAMPLE_SPANS
    assert response["data"][1:] == [None, None, None, []]
    codes = {index: item["code"] for index, item in response["errors"].items()}
    assert codes == {"1": "empty_text", "2": "invalid_value", "3": "text_too_long"}


def test_a_text_may_have_100_000_characters(client: httpx.Client) -> None:
    text = (EXAMPLE * 3000)[:100_000]
    response = client.post("/ner", json={"text": text}).json()
    assert response["meta"]["windows"] > 200
    assert len(response["data"]) > 10_000
    assert all(text[e["start_offset"] : e["end_offset"]] == e["span"] for e in response["data"])


def test_results_do_not_depend_on_concurrent_requests(client: httpx.Client, recognizer: Recognizer) -> None:
    texts = [text * repeats for repeats in (1, 3, 7) for text in NEWS] * 3
    expected = [[(e.type, e.start, e.end) for e in entities] for entities in recognizer.recognize(texts)]

    def recognize(text: str) -> list[tuple[object, ...]]:
        return spans(client.post("/ner", json={"text": text}).json()["data"])

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(recognize, texts)) == expected


BAD = [
    (b"", 400, "malformed_request"),
    (b"{", 400, "malformed_request"),
    (b'{"text": "\xff"}', 400, "malformed_request"),
    ('{"text": "马云"}'.encode("gb18030"), 400, "malformed_request"),
    (b"[" * 100_000, 400, "malformed_request"),
    (b"[]", 422, "invalid_value"),
    (b"{}", 422, "invalid_value"),
    (b'{"text": 1}', 422, "invalid_value"),
    (b'{"text": null}', 422, "invalid_value"),
    (b'{"text": "a", "language": "zh"}', 422, "invalid_value"),
    (b'{"text": "a", "offset_unit": "byte"}', 422, "invalid_value"),
    (b'{"text": ""}', 422, "empty_text"),
    (b'{"text": "a", "types": ["DOG"]}', 422, "unknown_type"),
    (json.dumps({"text": "a" * 100_001}).encode(), 413, "text_too_long"),
    (b'{"text": "' + b"a" * 5_000_000 + b'"}', 413, "body_too_large"),
]


@pytest.mark.parametrize(("body", "status", "code"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_an_invalid_body_is_refused(client: httpx.Client, body: bytes, status: int, code: str) -> None:
    assert error(client.post("/ner", content=body, headers=JSON)) == (status, code)
    assert client.post("/ner", json={"text": EXAMPLE}).status_code == 200


def test_an_invalid_batch_is_refused(client: httpx.Client) -> None:
    assert error(client.post("/ner/batch", json={"texts": []})) == (422, "invalid_value")
    assert error(client.post("/ner/batch", json={"texts": ["a"] * 257})) == (413, "too_many_texts")
    assert error(client.post("/ner/batch", json={"texts": ["a"], "types": ["DOG"]})) == (422, "unknown_type")


def test_requests_leave_no_memory_behind(server: Server) -> None:
    """Neither the bodies of rejected requests nor those of closed connections wait for a garbage collection."""
    [worker] = workers(server)
    long_text = json.dumps({"text": "m" * 3_000_000}).encode()
    bodies = {
        ("/ner", 413): long_text,
        ("/ner", 400): long_text[:-1],
        ("/ner", 422): long_text.replace(b"text", b"word"),
        ("/ner/batch", 200): json.dumps({"texts": [[long_text.decode()]]}).encode(),
    }

    def post_all() -> int:
        for (path, status), body in bodies.items():
            # A connection for each request.
            assert httpx.post(server.url + path, content=body, headers=JSON, trust_env=False).status_code == status
        return worker.memory_info().rss

    sizes = [post_all() for _ in range(12)]
    assert sizes[-1] - sizes[2] < 50e6


def test_a_wrong_content_type_method_or_path_is_refused(client: httpx.Client) -> None:
    assert error(client.post("/ner", data={"text": "马云"})) == (415, "unsupported_media_type")
    assert error(client.get("/ner")) == (405, "method_not_allowed")
    assert error(client.get("/nowhere")) == (404, "not_found")
    assert error(client.get("/schema.json")) == (404, "not_found")


def test_a_truncated_body_or_garbage_does_not_affect_the_service(client: httpx.Client, server: Server) -> None:
    address = ("127.0.0.1", urlsplit(server.url).port or 0)
    for sent in (
        b"POST /ner HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{",
        b"\x00\xff\r\n\r\n",
    ):
        with socket.create_connection(address) as connection:
            connection.sendall(sent)
    assert client.post("/ner", json={"text": EXAMPLE}).status_code == 200


def test_a_text_is_redacted(client: httpx.Client) -> None:
    text = f"😀{EXAMPLE}电话13800138000。"
    body = {"text": text, "operators": {"PHONE": {"type": "mask", "keep_end": 4}}, "offset_unit": "utf16"}
    response = client.post("/redact", json=body).json()
    data = response["data"]
    assert data["text"] == "😀<ORG_1>创始人<PER_1>在<LOC_1>出席了由<ORG_2>主办的技术峰会。电话*******8000。"
    assert response["meta"]["offset_unit"] == "utf16"
    for written, names in (
        (text, ("start_offset", "end_offset", "span")),
        (data["text"], ("redacted_start_offset", "redacted_end_offset", "replacement")),
    ):
        units = written.encode("utf-16-le")
        for one in data["replacements"]:
            start, end, string = (one[name] for name in names)
            assert units[2 * start : 2 * end].decode("utf-16-le") == string
    assert 'raner_requests_total{path="/redact",status="200"}' in client.get("/metrics").text


def test_an_invalid_redaction_is_refused(client: httpx.Client) -> None:
    assert error(client.post("/redact", json={"text": ""})) == (422, "empty_text")
    assert error(client.post("/redact", json={"text": "a" * 100_001})) == (413, "text_too_long")
    assert error(client.post("/redact", json={"text": "a", "patterns": ["DOG"]})) == (422, "invalid_value")
    assert error(client.post("/redact", json={"text": "a", "operators": {"DOG": {"type": "mask"}}})) == (
        422,
        "unknown_type",
    )
    # The service has no key.
    assert error(client.post("/redact", json={"text": "a", "operators": {"PER": {"type": "hash"}}})) == (
        422,
        "invalid_value",
    )
    assert error(client.get("/redact")) == (405, "method_not_allowed")


def test_the_model_is_described(client: httpx.Client) -> None:
    model = client.get("/model").json()
    assert model["success"] is True
    assert (model["name"], model["workers"], model["engine"]) == ("raner-mini", 1, "onnxruntime")
    assert {"PER", "LOC", "ORG"} <= set(model["types"])
    assert model["default_types"] == ["PER", "LOC", "ORG"]
    assert model["colors"]["PER"] == "red"
    assert model["limits"]["max_chars"] == 100_000
    assert model["version"] == client.post("/ner", json={"text": "马云"}).json()["meta"]["version"]


def test_probes_pages_and_the_openapi_document_are_served(client: httpx.Client) -> None:
    for path in ("/livez", "/readyz", "/healthz"):
        assert client.get(path).status_code == 200
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "开始侦测" in page.text
    assert client.get("/docs").status_code == 200
    assert client.get("/", headers={"if-none-match": page.headers["etag"]}).status_code == 304
    for span in ("bytes=0-3", "bytes=99999999-", "x"):
        assert client.get("/", headers={"range": span}).text == page.text
        assert client.get("/static/app.css", headers={"range": span}).status_code == 200
    document = client.get("/docs.json").json()
    assert document["openapi"].startswith("3.")
    assert {"/ner", "/ner/batch", "/redact", "/model"} <= set(document["paths"])


def test_metrics_have_few_labels(client: httpx.Client) -> None:
    for number in range(300):
        client.get(f"/nowhere/{number}")
    metrics = client.get("/metrics").text
    assert 'raner_requests_total{path="/ner",status="200"}' in metrics
    assert 'raner_requests_total{path="other",status="404"}' in metrics
    assert "nowhere" not in metrics
    assert len(metrics) < 100_000


def test_the_log_has_no_user_text_and_each_line_is_a_json_object(client: httpx.Client, server: Server) -> None:
    private = "绝密代号海燕"
    client.get(f"/{private}", params={"text": private}, headers={"x-request-id": "mine", "authorization": "Bearer k3y"})
    client.post("/ner", json={"text": private})
    client.post("/ner", json={"text": private, private: 1})
    client.post("/ner", content=f'{{"text": "{private}'.encode(), headers=JSON)
    response = client.post("/ner/batch", json={"texts": [private, 7]}, headers={"x-request-id": "the-batch"})
    assert response.headers["x-request-id"] == "the-batch"
    # The line is written after the response.
    lines: list[dict[str, object]] = []
    deadline = time.monotonic() + 10
    while not any(line.get("request_id") == "the-batch" for line in lines) and time.monotonic() < deadline:
        time.sleep(0.1)
        lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    logged = json.dumps(lines, ensure_ascii=False)
    assert private not in logged
    assert "k3y" not in logged
    [line] = [line for line in lines if line.get("request_id") == "the-batch"]
    assert {name: line[name] for name in ("level", "event", "path", "status", "texts", "chars", "cached")} == {
        "level": "info",
        "event": "request",
        "path": "/ner/batch",
        "status": 200,
        "texts": 1,
        "chars": 6,
        "cached": True,
    }


def test_a_configured_key_is_required_and_a_misspelled_variable_reported_once(tmp_path: Path) -> None:
    settings = {"RANER_WORKERS": "1", "RANER_API_KEYS": "open-sesame", "RANER_THREDS": "1"}
    with serve(tmp_path / "log", **settings) as server, server.client() as client:
        assert error(client.post("/ner", json={"text": "马云"})) == (401, "unauthorized")
        response = client.post("/ner", json={"text": "马云"}, headers={"authorization": "Bearer open-sesame"})
        assert response.status_code == 200
        assert client.get("/").status_code == 200
        log = server.log.read_text()
        assert "open-sesame" not in log
        assert log.count("RANER_THREDS is not a setting") == 1


@pytest.mark.parametrize(
    ("setting", "value", "line"),
    [
        ("RANER_WORKERS", "many", "raner: RANER_WORKERS is 'many'; allowed: 1 to 64"),
        ("RANER_MODEL", "/no/such/model", "raner: model /no/such/model is not a directory and not in the store"),
        ("RANER_DEVICE", "cuda", "raner: RANER_DEVICE=cuda: this ONNX Runtime has no CUDA provider"),
    ],
)
def test_an_invalid_setting_ends_the_start_with_one_line(setting: str, value: str, line: str) -> None:
    started = subprocess.run(
        bentoml("serve", "service:Raner"),
        cwd=REPOSITORY,
        env=environment(**{"RANER_PORT": str(free_port()), setting: value}),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert started.returncode == 1
    assert started.stderr.startswith(line)
    assert started.stderr.count("\n") == 1
    assert not started.stdout
