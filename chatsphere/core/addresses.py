"""The client's address: the socket's, unless the peer is one of TRUSTED_PROXIES."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
LONGEST_CHAIN = 20


def client_address(request: Any) -> str:
    """The address of the one who asks, normalised; empty when the server does not know it (a Unix socket).

    ``request`` is Django's or DRF's. X-Forwarded-For is read from its right end, and only as far as every hop is a trusted proxy.
    """
    return address_of(request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", ""))


def address_of(peer: str, forwarded_for: str) -> str:
    """The same from the two values themselves."""
    trusted = _networks(tuple(settings.TRUSTED_PROXIES))
    address = _parse(peer)
    if address is None or not _is_in(address, trusted):
        return str(address or "")
    for hop in reversed(forwarded_for.split(",")[-LONGEST_CHAIN:]):
        nearer = _parse(hop.strip())
        if nearer is None:
            break
        address = nearer
        if not _is_in(address, trusted):
            break
    return str(address)


def limited_as(address: str) -> str:
    """Whom a limit counts: an IPv4 address, an IPv6 customer's whole /64 network, or everybody whose address is not known."""
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed or "unknown")


def bad_networks(names: tuple[str, ...]) -> list[str]:
    """Those of TRUSTED_PROXIES that are neither an address nor a network, for the settings to name."""
    return [name for name in names if _network(name) is None]


def is_within(address: str, networks: tuple[str, ...]) -> bool:
    """Whether an address lies in one of these networks; one that is not known lies in none."""
    parsed = _parse(address)
    return parsed is not None and _is_in(parsed, _networks(networks))


@lru_cache(maxsize=8)
def _networks(names: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(network for name in names if (network := _network(name)) is not None)


def _network(name: str) -> Network | None:
    try:
        return ip_network(name, strict=False)
    except ValueError:
        return None


def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _is_in(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
