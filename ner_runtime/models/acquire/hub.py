"""List and download the files of a model from the ModelScope hub, and verify their sha256.

Uses ModelScope's client, `modelscope_hub`, which honours `MODELSCOPE_ENDPOINT`, `MODELSCOPE_API_TOKEN` and proxies. The
package `modelscope` is not imported, because it imports PyTorch. `has_newer_revision` costs one request and runs inside
the service; a pull runs as a child process, see `pull_process.py`.
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
from ner_runtime.models.acquire.signals import exit_on_signal
from ner_runtime.models.checkpoint.digest import check_size, checkpoint_digest, files_to_read, is_checkpoint_file
from ner_runtime.models.checkpoint.safe_files import file_inside

if TYPE_CHECKING:
    from modelscope_hub import HubApi

    from ner_runtime.models.acquire.progress import Advance

DEFAULT_REVISION = "master"
_PROBE_TIMEOUT_S = (3.0, 10.0)  # connect, read
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ListedFile:
    """Size and sha256 of a file, as listed by the hub."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The checkpoint files of a model, as listed by the hub."""

    endpoint: str
    model_id: str
    revision: str
    files: dict[str, ListedFile]

    @property
    def key(self) -> str:
        """Digest of all listed files."""
        return checkpoint_digest({name: file.sha256 for name, file in self.files.items()})

    @property
    def digest(self) -> str:
        """Digest of the files that an import reads; see `checkpoint_digest`.

        Raises:
            InvalidCheckpoint: a required file is not listed.
        """
        return checkpoint_digest({name: self.files[name].sha256 for name in files_to_read(self.files)})

    def size(self, names: Sequence[str]) -> int:
        """Return the total size of the files in `names`, in bytes."""
        return sum(self.files[name].size for name in names)


def list_model(model_id: str, revision: str = DEFAULT_REVISION) -> Listing:
    """List the files of a model on the hub.

    Raises:
        MissingExtra: the hub client is not installed.
        HubUnavailable: the hub cannot be reached, or does not have the model or revision.
        InvalidCheckpoint: a listed path leads outside the model, or a listed file is too large.
    """
    api, endpoint = _client()
    _check_reachable(endpoint)
    with _hub_errors(endpoint, model_id, revision):
        listed = api.list_repo_files(model_id, "model", revision=revision)
    files: dict[str, ListedFile] = {}
    for entry in listed:
        path = PurePosixPath(entry.path)
        if path.is_absolute() or ".." in path.parts or not entry.path.isprintable() or "\\" in entry.path:
            raise InvalidCheckpoint(f"the hub lists a path outside {model_id}: {entry.path!r}")
        if entry.type == "tree" or not is_checkpoint_file(entry.path):
            continue
        check_size(entry.path, entry.size or 0)
        if not _SHA256.fullmatch(entry.sha256 or ""):
            raise InvalidCheckpoint(f"the hub lists no sha256 for {entry.path} of {model_id}")
        files[entry.path] = ListedFile(entry.size or 0, entry.sha256 or "")
    return Listing(endpoint, model_id, revision, files)


def download(listing: Listing, names: Sequence[str], folder: Path, cache: Path, advance: Advance) -> None:
    """Download the files in `names`; resume partial downloads in `folder`.

    SIGINT or SIGTERM ends the process: see `signals.py`.

    Args:
        listing: the listing of the model
        names: the files to download
        folder: the directory to download to
        cache: a directory for the metadata of the hub client
        advance: called with the number of bytes of each received block

    Raises:
        HubUnavailable: the connection failed despite the retries of the client.
        InvalidCheckpoint: a downloaded file differs from the listed one.
    """
    from ner_runtime.upstream.private import ProgressCallback, snapshot_download

    class Told(ProgressCallback):
        def update(self, size: int) -> None:
            advance(size)

    # The client would draw its own progress bars, one per file and one for all files.
    with (
        exit_on_signal("stopped; run the command again to resume"),
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


def has_newer_revision(source: Source) -> bool:
    """Return whether the files of a model on the hub have changed since it was imported.

    Raises:
        MissingExtra, HubUnavailable, InvalidCheckpoint: see `list_model`.
    """
    return source.revision is not None and list_model(source.id, source.revision).digest != source.digest


def _client() -> tuple[HubApi, str]:
    if importlib.util.find_spec("modelscope_hub") is None:
        raise MissingExtra("the model hub needs the package modelscope_hub: pip install 'ner_runtime[hub]'")
    from modelscope_hub import HubApi, HubConfig

    logging.getLogger("modelscope_hub").setLevel(logging.CRITICAL)
    config = HubConfig()
    return HubApi(config=config), str(config.endpoint)


def _check_reachable(endpoint: str) -> None:
    """Fail at once if the hub cannot be reached; its client would retry for several seconds."""
    import requests

    try:
        requests.head(endpoint, timeout=_PROBE_TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        raise HubUnavailable(f"the model hub at {endpoint} cannot be reached ({_cause(error)})") from None


@contextmanager
def _hub_errors(endpoint: str, model_id: str, revision: str) -> Generator[None]:
    """Convert the errors of the hub client into `HubUnavailable` and `InvalidCheckpoint`."""
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
            f"the download of {name} of {model_id} failed ({_cause(cause)}); run the command again to resume it"
        ) from None
    except (errors.NotExistError, errors.InvalidParameter):
        raise HubUnavailable(f"the model hub at {endpoint} does not have {what}") from None
    except (errors.AuthenticationError, errors.PermissionDeniedError):
        raise HubUnavailable(f"the model hub at {endpoint} denies access to {what}; set MODELSCOPE_API_TOKEN") from None
    except requests.HTTPError as error:
        response: Any = error.response
        status = f" (status {response.status_code})" if response is not None else ""
        raise HubUnavailable(f"the model hub at {endpoint} does not have {what}, or denies access{status}") from None
    except (errors.HubError, requests.RequestException) as error:
        raise HubUnavailable(
            f"the request for {what} to the model hub at {endpoint} failed ({_cause(error)})"
        ) from None


def _not_as_listed(name: str) -> InvalidCheckpoint:
    return InvalidCheckpoint(
        f"{name} differs from the file that the hub lists (size or sha256); the download was discarded"
    )


def _cause(error: BaseException) -> str:
    """Return the type of an error. Its message can have many lines and contain URLs with credentials."""
    return type(error).__name__
