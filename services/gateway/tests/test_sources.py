"""Where a request comes from: what a caller writes about itself does not count."""

import pytest

from gateway.sources import source_of


def scope(peer: str, *forwarded: str) -> dict:
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    return {"type": "http", "client": (peer, 1), "headers": headers}


def test_without_a_proxy_the_peer_is_the_source_whatever_the_header_says():
    assert {source_of(scope("192.0.2.1", f"198.51.100.{n}"), 0) for n in range(20)} == {"192.0.2.1"}


@pytest.mark.parametrize(("hops", "source"), [(1, "203.0.113.9"), (2, "198.51.100.7"), (3, "192.0.2.1")])
def test_behind_proxies_the_nth_from_the_right_counts(hops, source):
    assert source_of(scope("192.0.2.1", "198.51.100.7, 203.0.113.9"), hops) == source


def test_an_ipv6_caller_counts_with_its_network():
    assert source_of(scope("2001:db8:1:2::1"), 0) == source_of(scope("2001:db8:1:2:ffff::9"), 0) == "2001:db8:1:2::/64"


def test_a_mapped_address_is_the_plain_one():
    assert source_of(scope("::ffff:192.0.2.1"), 0) == "192.0.2.1"


@pytest.mark.parametrize("peer", ["", "not an address"])
def test_what_is_no_address_is_one_source(peer):
    assert source_of(scope(peer), 0) == "unknown"
