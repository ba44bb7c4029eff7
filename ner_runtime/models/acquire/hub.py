"""Hub: what ModelScope lists of a model, and its files, each compared with the sha256 that is listed.

`MODELSCOPE_ENDPOINT` and `MODELSCOPE_API_TOKEN` are honoured, as are proxies. The client is ModelScope's own,
`modelscope_hub`; its `snapshot_download` is the one that `modelscope` hands on, taken from where it is because
`import modelscope` brings PyTorch along. Whether there is something newer than what is stored, `newer_at_hub` says; it
costs one request and imports nothing heavy, and whoever finds so runs `raner pull` as a process of its own.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ner_runtime.errors import HubUnavailable, InvalidCheckpoint, MissingExtra
from ner_runtime.manifest import Source, file_sha256
from ner_runtime.models.acquire.signals import stops_at_once
from ner_runtime.models.checkpoint.digest import check_size, checkpoint_digest, is_read, needed_files
from ner_runtime.models.checkpoint.safe_files import file_inside

if TYPE_CHECKING:
    from modelscope_hub import HubApi

    from ner_runtime.models.acquire.progress import Advance

DEFAULT_REVISION = "master"
_REACH_TIMEOUT_S = (3.0, 10.0)  # to connect, to answer
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file as the hub lists it."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a model at the hub that are of use here, by name."""

    endpoint: str
    model_id: str
    revision: str
    files: dict[str, ListedFile]

    @property
    def key(self) -> str:
        """A digest of the whole listing."""
        return checkpoint_digest({name: file.sha256 for name, file in self.files.items()})

    @property
    def digest(self) -> str:
        """The digest of what is read of them; see `checkpoint_digest`.

        Raises:
            InvalidCheckpoint: a file that must be there is not listed.
        """
        return checkpoint_digest({name: self.files[name].sha256 for name in needed_files(self.files)})

    def size(self, names: Sequence[str]) -> int:
        """Bytes of some files together."""
        return sum(self.files[name].size for name in names)


def list_model(model_id: str, revision: str = DEFAULT_REVISION) -> Listing:
    """Ask the hub what a model consists of.

    Raises:
        MissingExtra: the client is not installed.
        HubUnavailable: the hub cannot be reached, or knows no such model or revision.
        InvalidCheckpoint: it lists paths out of the model, or files that are too large.
    """
    api, endpoint = _client()
    _reach(endpoint)
    with _hub_errors(endpoint, model_id, revision):
        listed = api.list_repo_files(model_id, "model", revision=revision)
    files: dict[str, ListedFile] = {}
    for entry in listed:
        path = PurePosixPath(entry.path)
        if path.is_absolute() or ".." in path.parts or not entry.path.isprintable() or "\\" in entry.path:
            raise InvalidCheckpoint(f"the hub lists a path that leads out of {model_id}: {entry.path!r}")
        if entry.type == "tree" or not is_read(entry.path):
            continue
        check_size(entry.path, entry.size or 0)
        if not _SHA256.fullmatch(entry.sha256 or ""):
            raise InvalidCheckpoint(f"the hub lists no sha256 for {entry.path} of {model_id}")
        files[entry.path] = ListedFile(entry.size or 0, entry.sha256 or "")
    return Listing(endpoint, model_id, revision, files)


def download(listing: Listing, names: Sequence[str], folder: Path, cache: Path, advance: Advance) -> None:
    """Download some of the listed files; what is in the folder already is gone on with.

    Told to stop in the meantime, the process ends: see `stopping.py`.

    Args:
        listing: of the model
        names: of the files
        folder: where to
        cache: for what the client keeps beside files
        advance: told of every bytes more

    Raises:
        HubUnavailable: the connection broke off, and again at every further try of the client.
        InvalidCheckpoint: what came is not what is listed.
    """
    from ner_runtime.upstream.private import ProgressCallback, snapshot_download

    class Told(ProgressCallback):
        def update(self, size: int) -> None:
            advance(size)

    # The client draws bars of its own, one a file and one for all; ours is the only one.
    with (
        stops_at_once("stopped; run again, it goes on from there"),
        _hub_errors(listing.endpoint, listing.model_id, listing.revision),
        open(os.devnull, "w") as nowhere,
        redirect_stderr(nowhere),
    ):
        snapshot_download(
            listing.model_id,
            revision=listing.revision,
            endpoint=listing.endpoint,
            local_dir=str(folder),
            cache_dir=str(cache),
            allow_patterns=list(names),
            progress_callbacks=[Told],
        )
    for name in names:
        path = file_inside(folder, name)
        if path is None or file_sha256(path) != listing.files[name].sha256:
            raise _not_as_listed(name)


def newer_at_hub(source: Source) -> bool:
    """Whether the hub holds other files at a model's revision than those that the model was made of.

    Raises:
        MissingExtra, HubUnavailable, InvalidCheckpoint: see `list_model`.
    """
    return source.revision is not None and list_model(source.id, source.revision).digest != source.digest


def _client() -> tuple[HubApi, str]:
    if importlib.util.find_spec("modelscope_hub") is None:
        raise MissingExtra("the model hub needs modelscope, which serving does not: pip install 'ner_runtime[hub]'")
    from modelscope_hub import HubApi, HubConfig

    logging.getLogger("modelscope_hub").setLevel(logging.CRITICAL)
    config = HubConfig()
    return HubApi(config=config), str(config.endpoint)


def _reach(endpoint: str) -> None:
    """Fail at once where there is no way to the hub; its client would try for seconds."""
    import requests

    try:
        requests.head(endpoint, timeout=_REACH_TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        raise HubUnavailable(f"the model hub at {endpoint} cannot be reached ({_cause(error)})") from None


@contextmanager
def _hub_errors(endpoint: str, model_id: str, revision: str) -> Generator[None]:
    """The client's many errors as few of ours, of one line each."""
    import requests
    from modelscope_hub import errors

    what = f"{model_id} at revision {revision}"
    try:
        yield
    except errors.FileDownloadError as error:
        name, cause = next(iter(error.failed_files.items()))
        if isinstance(cause, errors.FileIntegrityError):
            raise _not_as_listed(name) from None
        if isinstance(cause, OSError) and not isinstance(cause, errors.HubError):
            raise cause from None
        raise HubUnavailable(
            f"the download of {name} of {model_id} broke off ({_cause(cause)}); run again, it goes on from there"
        ) from None
    except (errors.NotExistError, errors.InvalidParameter):
        raise HubUnavailable(f"the model hub at {endpoint} holds no {what}") from None
    except (errors.AuthenticationError, errors.PermissionDeniedError):
        raise HubUnavailable(
            f"the model hub at {endpoint} refuses {what}; MODELSCOPE_API_TOKEN is how one says who one is"
        ) from None
    except requests.HTTPError as error:
        refused: Any = error.response
        said = f" ({refused.status_code})" if refused is not None else ""
        raise HubUnavailable(f"the model hub at {endpoint} holds no {what}, or refuses it{said}") from None
    except (errors.HubError, requests.RequestException) as error:
        raise HubUnavailable(f"the model hub at {endpoint} does not answer for {what} ({_cause(error)})") from None


def _not_as_listed(name: str) -> InvalidCheckpoint:
    return InvalidCheckpoint(
        f"{name} is not the file that the hub lists: size or sha256 differ; nothing of it was kept"
    )


def _cause(error: BaseException) -> str:
    """The kind of an error; what it says may be of many lines and hold addresses with keys."""
    return type(error).__name__
