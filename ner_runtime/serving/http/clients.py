"""Keys: which API key a request brings, and whether it is one of those that may."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from starlette.datastructures import Headers

from ner_runtime.serving.api.errors import Unauthorized


def check_key(headers: Headers, digests: Sequence[str]) -> str:
    """The digest of the key that a request brings.

    Args:
        headers: of the request: `Authorization: Bearer KEY` or `X-API-Key: KEY`
        digests: hex sha256 of each key that is allowed

    Raises:
        Unauthorized: there is none, or it is wrong.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    key = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
    digest = hashlib.sha256(key.encode("latin-1")).hexdigest()
    # Every digest is compared, each in constant time, so that the time taken tells nothing of the keys.
    matches = [hmac.compare_digest(digest, allowed) for allowed in digests]
    if not any(matches):
        raise Unauthorized("an API key is needed: Authorization: Bearer KEY" if not key else "the API key is wrong")
    return digest
