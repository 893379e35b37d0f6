"""Which addresses notifications may go to: those of the public Internet, and networks that the settings allow.

A client names the target, so without this it could reach what only the bridge can: the machine itself, its
neighbours, what a cloud tells its machines. The networks are those of the IANA registries of special-purpose addresses
(RFC 6890 and what followed). Of IPv6 only what is given out for global unicast is public, and an address that holds one
of IPv4 may be used only where both may.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SPECIAL = [
    (ip_network(network), what)
    for what, networks in (
        ("of this network", ["0.0.0.0/8", "::/128"]),
        ("the machine itself", ["127.0.0.0/8", "::1/128"]),
        ("private", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"]),
        ("shared behind a carrier's NAT", ["100.64.0.0/10"]),
        ("link-local, where clouds tell machines their secrets", ["169.254.0.0/16", "fe80::/10"]),
        ("what a cloud tells its machines by", ["168.63.129.16/32"]),
        ("multicast", ["224.0.0.0/4", "ff00::/8"]),
        ("for protocols, tests or examples", ["192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
            "198.51.100.0/24", "203.0.113.0/24", "2001::/23", "2001:db8::/32", "3fff::/20"]),
        ("reserved", ["240.0.0.0/4"]),
        ("an address of IPv4 in one of IPv6", ["::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16"]),
    )
    for network in networks
]  # fmt: skip
_PUBLIC = IPv6Network("2000::/3")
_LAST_4_BYTES = (IPv6Network("::/96"), IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
_6TO4 = IPv6Network("2002::/16")


class Permitted:
    """Says which addresses may be connected to."""

    def __init__(self, allowed: Iterable[Network] = ()) -> None:
        self._allowed = tuple(allowed)

    def refusal(self, address: Address) -> str | None:
        """What kind of address it is that may not be connected to; None: it may be."""
        what = None if self._is_allowed(address) else _special(address)
        inner = embedded(address)
        if what is not None or inner is None or inner == address:
            return what
        return self.refusal(inner)

    def _is_allowed(self, address: Address) -> bool:
        return any(address in network for network in self._allowed)


def embedded(address: Address) -> IPv4Address | None:
    """The address of IPv4 that one of IPv6 leads to: mapped, compatible, NAT64 or 6to4."""
    if isinstance(address, IPv4Address) or address == IPv6Address("::1"):
        return None
    if address in _6TO4:
        return address.sixtofour
    if any(address in network for network in _LAST_4_BYTES):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def _special(address: Address) -> str | None:
    for network, what in _SPECIAL:
        if address in network:
            return what
    return None if isinstance(address, IPv4Address) or address in _PUBLIC else "not given out to anybody"
