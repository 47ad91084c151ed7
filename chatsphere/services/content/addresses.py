"""Which addresses of the internet may be reached on behalf of a customer. Everything else is ours, or nobody's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpx2

from chatsphere.services.errors import FetchRefused

Address = IPv4Address | IPv6Address

PORTS = {"http": 80, "https": 443}
LONGEST_URL = 2_000
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029]")
_NAT64 = IPv6Network("64:ff9b::/96")
_DENIED: tuple[IPv4Network | IPv6Network, ...] = (
    IPv4Network("168.63.129.16/32"),  # a cloud's own services on a public address
    IPv4Network("192.0.0.0/24"),  # protocol assignments, some of which count as global
    IPv4Network("192.88.99.0/24"),  # relays to IPv6, given up
    IPv6Network("64:ff9b:1::/48"),  # a network's own translation
    IPv6Network("2001::/23"),  # protocol assignments, Teredo among them
    IPv6Network("3fff::/20"),  # documentation
    IPv6Network("5f00::/16"),  # segment routing
)


@dataclass(frozen=True, slots=True)
class Target:
    """An address that is well-formed and asks for nothing odd; where its host lies is checked when it is connected to."""

    url: str  # without fragment, host in ASCII
    scheme: str
    host: str
    port: int


def read_url(url: str, *, any_port: bool = False) -> Target:
    """Take an http(s) address apart. Raises FetchRefused with a sentence for whoever wrote it.

    Refused are user names, control characters, blanks and backslashes, other schemes, ports other than 80 and 443.
    """
    if len(url) > LONGEST_URL or _UNSAFE.search(url):
        raise FetchRefused("This address is too long or holds blanks, backslashes or control characters.")
    try:
        parsed = httpx2.URL(url).copy_with(fragment=None)
    except (httpx2.InvalidURL, ValueError) as error:
        raise FetchRefused("This is not a web address.") from error
    if parsed.scheme not in PORTS or not parsed.raw_host or parsed.userinfo or b"%" in parsed.raw_host:
        raise FetchRefused("Give an address that begins with http:// or https://, without a user name.")
    port = parsed.port or PORTS[parsed.scheme]
    if not any_port and port not in PORTS.values():
        raise FetchRefused("Only the ports 80 and 443 may be reached.")
    return Target(str(parsed), parsed.scheme, parsed.raw_host.decode("ascii"), port)


def is_public(address: Address) -> bool:
    """Whether this is a host of the public internet, also when an IPv4 address hides inside an IPv6 one."""
    inner = _unwrapped(address)
    if any(inner.version == network.version and inner in network for network in _DENIED):
        return False
    is_site_local = isinstance(inner, IPv6Address) and inner.is_site_local
    return inner.is_global and not (inner.is_multicast or inner.is_reserved or inner.is_unspecified or is_site_local)


def is_loopback(address: Address) -> bool:
    """This machine itself."""
    return _unwrapped(address).is_loopback


def read_address(text: str) -> Address:
    """An address as the resolver writes it; raises ValueError."""
    return ip_address(text)


def _unwrapped(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
