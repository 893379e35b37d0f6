"""What a link looks at in an IP packet, and may change in it: addresses, and the ports of TCP (RFC 791, RFC 9293)."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

_TCP = 6
_SOURCE_AT, _DESTINATION_AT = 12, 16
_PROTOCOL_AT = 9
_CHECKSUM_AT = 16
"""Within the header of TCP."""
_WORD = struct.Struct(">H")


class Ends(NamedTuple):
    """Addresses of IP version 4."""

    source: str
    destination: str


def ends(packet: bytes) -> Ends | None:
    """None for what is not of IP version 4."""
    if len(packet) < 20 or packet[0] >> 4 != 4:
        return None
    return Ends(*(socket.inet_ntoa(packet[at : at + 4]) for at in (_SOURCE_AT, _DESTINATION_AT)))


def with_port(packet: bytes, port: int, instead: int, *, source: bool) -> bytes:
    """The packet, and where it is TCP from (`source`) or to `port`, with `instead` in its place."""
    if len(packet) < 20 or packet[0] >> 4 != 4 or packet[_PROTOCOL_AT] != _TCP:
        return packet
    begin = 4 * (packet[0] & 0xF)
    port_at = begin if source else begin + 2
    if len(packet) < begin + 20 or _WORD.unpack_from(packet, port_at)[0] != port:
        return packet
    changed = bytearray(packet)
    (checksum,) = _WORD.unpack_from(packet, begin + _CHECKSUM_AT)
    _WORD.pack_into(changed, port_at, instead)
    _WORD.pack_into(changed, begin + _CHECKSUM_AT, _updated(checksum, port, instead))
    return bytes(changed)


def _updated(checksum: int, before: int, after: int) -> int:
    """Of a header in which a word became another one (RFC 1624, equation 3)."""
    total = (~checksum & 0xFFFF) + (~before & 0xFFFF) + after
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
