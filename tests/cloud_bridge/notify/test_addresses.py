"""Where notifications may go."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.notify.addresses import Permitted, embedded

REFUSED = [
    ("0.0.0.0", "this network"),
    ("10.1.2.3", "private"),
    ("100.64.0.1", "carrier"),
    ("100.100.100.200", "carrier"),
    ("127.0.0.1", "machine itself"),
    ("127.255.255.254", "machine itself"),
    ("168.63.129.16", "cloud"),
    ("169.254.169.254", "link-local"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.192", "protocols"),
    ("192.168.1.1", "private"),
    ("198.18.0.1", "tests"),
    ("224.0.0.1", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "reserved"),
    ("::", "this network"),
    ("::1", "machine itself"),
    ("::7f00:1", "not given out"),
    ("::ffff:127.0.0.1", "IPv4 in one of IPv6"),
    ("::ffff:93.184.216.34", "IPv4 in one of IPv6"),
    ("64:ff9b::a00:1", "IPv4 in one of IPv6"),
    ("64:ff9b:1::a00:1", "IPv4 in one of IPv6"),
    ("2002:7f00:1::", "IPv4 in one of IPv6"),
    ("2001::1", "protocols"),
    ("2001:db8::1", "examples"),
    ("fc00::1", "private"),
    ("fd00:ec2::254", "private"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "link-local"),
    ("fec0::1", "private"),
    ("ff02::1", "multicast"),
    ("4000::1", "not given out"),
]


@pytest.mark.parametrize(("address", "why"), REFUSED)
def test_what_is_not_of_the_public_internet_is_refused_with_what_it_is(address: str, why: str) -> None:
    assert why in (Permitted().refusal(ip_address(address)) or "")


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "172.32.0.1", "100.128.0.1", "11.0.0.1", "2606:2800:220:1::1", "2a00:1450:4001::1"]
)
def test_what_is_of_the_public_internet_is_permitted(address: str) -> None:
    assert Permitted().refusal(ip_address(address)) is None


def test_a_network_that_the_settings_allow_is_permitted_and_nothing_beside_it() -> None:
    permitted = Permitted([ip_network("10.1.0.0/16"), ip_network("fd12::/32")])
    assert permitted.refusal(ip_address("10.1.255.1")) is None
    assert permitted.refusal(ip_address("fd12::1")) is None
    assert permitted.refusal(ip_address("10.2.0.1")) == "private"
    assert permitted.refusal(ip_address("127.0.0.1")) is not None
    assert permitted.refusal(ip_address("93.184.216.34")) is None


def test_an_address_within_another_needs_both_to_be_permitted() -> None:
    nat64 = ip_network("64:ff9b::/96")
    assert Permitted([nat64]).refusal(ip_address("64:ff9b::5db8:d822")) is None
    assert Permitted([nat64]).refusal(ip_address("64:ff9b::7f00:1")) == "the machine itself"
    assert Permitted([nat64, ip_network("127.0.0.0/8")]).refusal(ip_address("64:ff9b::7f00:1")) is None
    assert Permitted([ip_network("127.0.0.0/8")]).refusal(ip_address("::ffff:127.0.0.1")) is not None


@given(st.ip_addresses(v=4))
def test_however_an_address_is_wrapped_it_is_found_and_not_permitted_by_it(inner: IPv4Address) -> None:
    for wrapped in (
        IPv6Address(0xFFFF << 32 | int(inner)),
        IPv6Address(0x64FF9B << 96 | int(inner)),
        IPv6Address(0x2002 << 112 | int(inner) << 80),
    ):
        assert embedded(wrapped) == inner
        assert Permitted().refusal(wrapped) is not None
