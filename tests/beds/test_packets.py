"""What a link changes in a packet leaves it one that TCP takes."""

from __future__ import annotations

import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from tests.beds.packets import Ends, ends, with_port

NEAR, FAR = "100.64.7.1", "100.64.7.2"
PORTS = st.integers(1, 65_535)


def folded_sum(data: bytes) -> int:
    """Of the words in it, in ones' complement (RFC 1071)."""
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def judged(segment: bytes) -> int:
    """0xFFFF where the checksum of TCP is right, over the addresses too."""
    addresses = socket.inet_aton(NEAR) + socket.inet_aton(FAR)
    return folded_sum(addresses + struct.pack(">BBH", 0, socket.IPPROTO_TCP, len(segment)) + segment)


def packet(source: int, destination: int, payload: bytes) -> bytes:
    bare = struct.pack(">HHIIBBHHH", source, destination, 1, 2, 5 << 4, 0x18, 512, 0, 0) + payload
    segment = bare[:16] + struct.pack(">H", ~judged(bare) & 0xFFFF) + bare[18:]
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0, 64, socket.IPPROTO_TCP, 0)
    return head + socket.inet_aton(NEAR) + socket.inet_aton(FAR) + segment


@given(PORTS, PORTS, PORTS, st.binary(max_size=30).filter(lambda data: len(data) % 2 == 0))
def test_another_port_leaves_the_checksum_right_and_the_way_back_leads_back(
    source: int, destination: int, instead: int, payload: bytes
) -> None:
    sent = packet(source, destination, payload)
    assert judged(sent[20:]) == 0xFFFF
    diverted = with_port(sent, destination, instead, source=False)
    assert struct.unpack_from(">HH", diverted, 20) == (source, instead)
    assert judged(diverted[20:]) == 0xFFFF
    assert len(diverted) == len(sent)
    back = with_port(diverted, instead, destination, source=False)
    assert back[:36] + back[38:] == sent[:36] + sent[38:]
    assert judged(back[20:]) == 0xFFFF


def test_what_is_of_another_port_or_no_tcp_is_left_as_it_is() -> None:
    sent = packet(1000, 8883, b"")
    assert with_port(sent, 1883, 80, source=False) == sent
    assert with_port(sent, 8883, 80, source=True) == sent
    datagram = sent[:9] + bytes([socket.IPPROTO_UDP]) + sent[10:]
    assert with_port(datagram, 8883, 80, source=False) == datagram
    assert ends(sent) == Ends(NEAR, FAR)
    assert ends(b"\x60" + bytes(39)) is None
