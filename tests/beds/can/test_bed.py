"""The bed is what it is said to be."""

from __future__ import annotations

import socket
import struct

import pytest

FRAME = struct.Struct("=IB3x8s")


@pytest.mark.parametrize("bus", ["vcan0", "vcan1"])
def test_a_frame_that_is_sent_on_a_bus_is_received_on_it(bus: str) -> None:
    with (
        socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as sender,
        socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as receiver,
    ):
        receiver.bind((bus,))
        sender.bind((bus,))
        sender.send(FRAME.pack(0x123, 2, b"\x01\x02"))
        receiver.settimeout(20)
        assert receiver.recv(16) == FRAME.pack(0x123, 2, b"\x01\x02")
