"""Clients: who sent a request, by API key or by address."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Sequence

from starlette.requests import Request

from ner_runtime.serving.api.errors import Unauthorized

_IPV6_PREFIX = 64  # A household or a server has a whole /64.
_MAX_ADDRESS = 64


def check_key(request: Request, digests: Sequence[str]) -> str:
    """Return the digest of the request's API key.

    Args:
        request: with `Authorization: Bearer KEY` or `X-API-Key: KEY`
        digests: hex sha256 of each key that is allowed

    Raises:
        Unauthorized: the key is missing or wrong.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    key = token.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
    digest = hashlib.sha256(key.encode("latin-1")).hexdigest()
    # Compares every digest in constant time, so that the time taken reveals nothing about the keys.
    matches = [hmac.compare_digest(digest, allowed) for allowed in digests]
    if not any(matches):
        raise Unauthorized("an API key is required: Authorization: Bearer KEY" if not key else "the API key is wrong")
    return digest


def client_address(request: Request, trusted_proxies: int) -> str:
    """The address of the client; for IPv6, its /64 network.

    Args:
        request: from the client, or from the last proxy
        trusted_proxies: number of reverse proxies in front, each of which appends the address of its peer to
            X-Forwarded-For; the entries to the left of theirs come from the client and may be forged
    """
    address = request.client.host if request.client else ""
    if trusted_proxies:
        forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
        named = forwarded[-trusted_proxies].strip() if len(forwarded) >= trusted_proxies else ""
        address = named or address
    return _network(address)


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(_without_port(address))
    except ValueError:
        # A Unix socket, or a proxy with a notation of its own.
        return address[:_MAX_ADDRESS]
    if parsed.version == 6 and parsed.ipv4_mapped:
        # A dual-stack socket reports IPv4 clients so; they would all share one /64.
        parsed = parsed.ipv4_mapped
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False).network_address)


def _without_port(address: str) -> str:
    # Some proxies write 192.0.2.1:4711 or [2001:db8::1]:4711.
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, colon, port = address.partition(":")
    return host if colon and port.isdecimal() and "." in host else address
