"""A stand-in for the ModelScope hub on loopback: what its client asks for a model, and the ways in which that fails.

Routes as seen from `modelscope_hub` 0.5.1:
    GET /api/v1/models/{owner}/{name}/repo/files?Revision=&Recursive=   listing: path, size, sha256
    GET /api/v1/models/{owner}/{name}/repo?Revision=&FilePath=          one file, ranges allowed
    GET /api/v1/models/{owner}/{name}/revisions
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

MODEL_ID = "damo/nlp_raner_named-entity-recognition_chinese-tiny"
"""What the tests' hub holds."""

_ROUTE = re.compile(r"/api/v1/models/([^/]+/[^/]+)/(repo/files|repo|revisions)")


def files_of(directory: Path) -> dict[str, bytes]:
    """What a hub holds of a checkpoint."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@dataclass
class HubModel:
    """A model at the hub: the files of each revision."""

    revisions: dict[str, dict[str, bytes]]


@dataclass
class StandInHub:
    """What the server holds, and how it is to misbehave."""

    models: dict[str, HubModel] = field(default_factory=dict)
    cut_after: dict[str, list[int]] = field(default_factory=dict)
    """For a path, after how many bytes each of the next answers is cut off."""
    hold_after: dict[str, int] = field(default_factory=dict)
    """For a path, after how many bytes its answers stand still until the server ends."""
    held: threading.Event = field(default_factory=threading.Event)
    """Set when an answer stands still."""
    ended: threading.Event = field(default_factory=threading.Event)
    claimed: dict[str, int] = field(default_factory=dict)
    """For a path, the size that is listed in place of its own."""
    corrupt: set[str] = field(default_factory=set)
    """Paths whose content is not what the listing says."""
    requests: list[str] = field(default_factory=list)
    """Every request line, with `Range` behind it where one was sent."""
    endpoint: str = ""

    def publish(self, model_id: str, files: dict[str, bytes], revision: str = "master") -> None:
        """Put files at a revision, in the place of what was there."""
        self.models.setdefault(model_id, HubModel({})).revisions[revision] = files

    def downloads(self, path: str) -> list[str]:
        """The requests for one file's content."""
        return [line for line in self.requests if f"FilePath={path}" in line]


@contextmanager
def stand_in_hub() -> Iterator[StandInHub]:
    """Serve a hub on a free port of loopback until the block ends."""
    hub = StandInHub()

    class Handler(_Handler):
        served = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        hub.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    served: StandInHub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.served.requests.append(" ".join(filter(None, [self.path, self.headers.get("Range")])))
        route = _ROUTE.fullmatch(url.path)
        model = self.served.models.get(route[1]) if route else None
        files = model.revisions.get(query.get("Revision", "master")) if model else None
        if route is None or model is None or files is None:
            self._json(404, {"Code": 10010205001, "Message": "not found", "Success": False})
        elif route[2] == "revisions":
            names = [{"Revision": name} for name in model.revisions]
            self._json(200, {"Code": 200, "Data": {"RevisionMap": {"Branches": names, "Tags": []}}, "Success": True})
        elif route[2] == "repo/files":
            listed = [_listed(path, content) for path, content in files.items()]
            listed = [entry | {"Size": self.served.claimed.get(str(entry["Path"]), entry["Size"])} for entry in listed]
            self._json(200, {"Code": 200, "Data": {"Files": listed}, "Success": True})
        elif query.get("FilePath") in files:
            self._file(query["FilePath"], files[query["FilePath"]])
        else:
            self._json(404, {"Code": 404, "Message": "no such file", "Success": False})

    def do_HEAD(self) -> None:
        self.do_GET()

    def _file(self, path: str, content: bytes) -> None:
        if path in self.served.corrupt:
            content = bytes(byte ^ 1 for byte in content)
        start, status = 0, 200
        wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if wanted:
            start, status = int(wanted[1]), 206
        body = content[start:]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/octet-stream")
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if self.command == "HEAD":
            return
        cuts = self.served.cut_after.get(path)
        if path in self.served.hold_after:
            self.wfile.write(body[: self.served.hold_after[path]])
            self.wfile.flush()
            self.served.held.set()
            self.served.ended.wait()
        elif cuts:
            self.wfile.write(body[: cuts.pop(0)])
            self.wfile.flush()
            self.connection.close()
            self.close_connection = True
        else:
            self.wfile.write(body)

    def _json(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base's
        """Say nothing: what was asked is in `requests`."""


def _listed(path: str, content: bytes) -> dict[str, object]:
    return {
        "Path": path,
        "Name": path.rsplit("/", 1)[-1],
        "Size": len(content),
        "Sha256": hashlib.sha256(content).hexdigest(),
        "Type": "blob",
        "Revision": "0" * 40,
    }
