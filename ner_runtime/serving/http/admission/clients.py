"""Identify the client of a request by its API key or its address."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from starlette.requests import Request

from ner_runtime.serving.api.errors import Unauthorized

_IPV6_PREFIX = 64  # One client usually has a whole /64.
_MAX_ADDRESS = 64


def check_key(request: Request, digests: Sequence[str]) -> str:
    """Return the digest of the request's API key.

    Args:
        request: the request, with `Authorization: Bearer KEY` or `X-API-Key: KEY`
        digests: hex sha256 of each allowed key

    Raises:
        Unauthorized: the key is missing or wrong.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    # Only spaces and tabs: headers are decoded as Latin-1, in which the last byte of a key in UTF-8 may be white space.
    key = token.strip(" \t") if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
    digest = hashlib.sha256(key.encode("latin-1")).hexdigest()
    # Compares every digest in constant time, so that the time taken reveals nothing about the keys.
    matches = [hmac.compare_digest(digest, allowed) for allowed in digests]
    if not any(matches):
        raise Unauthorized("an API key is required: Authorization: Bearer KEY" if not key else "the API key is wrong")
    return digest


def client_address(request: Request, trusted_proxies: int) -> str:
    """Return the address of the client, or its /64 network for IPv6.

    Args:
        request: the request from the client or the last proxy
        trusted_proxies: number of reverse proxies in front of the service; each appends the address of its peer to
            X-Forwarded-For, and all entries before these come from the client and may be forged
    """
    address = request.client.host if request.client else ""
    if trusted_proxies:
        forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
        named = forwarded[-trusted_proxies].strip() if len(forwarded) >= trusted_proxies else ""
        address = named or address
    return _network(address)


@lru_cache(maxsize=1024)
def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(_without_port(address))
    except ValueError:
        # A Unix socket, or an address in a format that only the proxy knows.
        return address[:_MAX_ADDRESS]
    if parsed.version == 6 and parsed.ipv4_mapped:
        # A dual-stack socket reports IPv4 clients in this form. As IPv6 addresses, they all share one /64.
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
