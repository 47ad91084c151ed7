"""The client's address cannot be made up."""

from __future__ import annotations

from typing import Any

import pytest

from chatsphere.core.addresses import address_of, bad_networks, limited_as


@pytest.fixture(autouse=True)
def proxies(settings: Any) -> None:
    settings.TRUSTED_PROXIES = ("10.0.0.0/8", "2001:db8::1")


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        ("203.0.113.5", "", "203.0.113.5"),
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),
        ("10.1.1.1", "198.51.100.1", "198.51.100.1"),
        ("10.1.1.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.1.1.1", "198.51.100.1, 10.2.2.2", "198.51.100.1"),
        ("10.1.1.1", "198.51.100.1, nonsense", "10.1.1.1"),
        ("10.1.1.1", "", "10.1.1.1"),
        ("::ffff:10.1.1.1", "198.51.100.1", "198.51.100.1"),
        ("2001:db8::1", "2001:db8:5::7", "2001:db8:5::7"),
        ("", "198.51.100.1", ""),
        ("unix:", "198.51.100.1", ""),
    ],
)
def test_only_trusted_proxies_are_believed(peer: str, forwarded_for: str, expected: str) -> None:
    assert address_of(peer, forwarded_for) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [("203.0.113.5", "203.0.113.5"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("", "unknown")],
)
def test_limits_count_an_ipv6_customers_whole_network(address: str, expected: str) -> None:
    assert limited_as(address) == expected


def test_what_is_no_network_is_named() -> None:
    assert bad_networks(("10.0.0.0/8", "proxy.example", "10.0.0.0/99")) == ["proxy.example", "10.0.0.0/99"]
