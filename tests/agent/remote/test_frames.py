"""Frames, repeated: counters, checksums and the time between, on a wire and a clock of the test's."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.bus.frame import Frame
from agent.decode.checksums import crc8_j1850
from agent.plan.actions import PlannedFrame
from agent.remote.frames import Counters, Repeating, TransmissionError
from tests.agent.remote.model import plan


class Wire:
    """What is heard comes at its time; what is sent is kept with its time."""

    def __init__(self, heard: list[tuple[float, bytes]]) -> None:
        self.now_s = 0.0
        self.sent: list[tuple[float, bytes]] = []
        self.full = 0
        """How often the interface has no room."""
        self._heard = heard

    def clock_s(self) -> float:
        return self.now_s

    def send(self, number: int, extended: bool, data: bytes) -> None:
        assert (number, extended) == (0x301, False)
        if self.full:
            self.full -= 1
            raise OSError(errno.ENOBUFS, "No buffer space available")
        self.sent.append((self.now_s, data))

    def receive(self, wait_s: float) -> list[Frame]:
        self.now_s = max(self.now_s, min([self.now_s + wait_s, *(at_s for at_s, _ in self._heard)]))
        come = [data for at_s, data in self._heard if at_s <= self.now_s]
        self._heard = [one for one in self._heard if one[0] > self.now_s]
        return [Frame(0, "can0", 0x301, False, data) for data in come]

    def others_spoke(self) -> bool:
        return False

    def close(self) -> None: ...


def horn(folder: Path) -> PlannedFrame:
    """Five times, 20 ms apart."""
    remote = plan(folder).remote
    assert remote is not None
    return remote.actions["horn-on"].frames[0]


def heard(count: int, tone: int = 0x44) -> bytes:
    return bytes((0, tone, count << 4, 0))


def send(frame: PlannedFrame, wire: Wire, counters: Counters | None = None) -> int:
    sent = 0

    def count() -> None:
        nonlocal sent
        sent += 1

    Repeating(wire, frame, {}, counters or Counters(), threading.Event(), wire.clock_s).send(lambda: None, count)
    return sent


def test_counters_go_on_from_what_is_heard_also_in_between(tmp_path: Path) -> None:
    wire = Wire([(0.5, heard(14)), (0.53, heard(3, 0x55))])
    assert send(horn(tmp_path), wire) == 5
    assert [data[2] >> 4 for _, data in wire.sent] == [15, 0, 4, 5, 6]
    assert [data[1] for _, data in wire.sent] == [0x44, 0x44, 0x55, 0x55, 0x55]
    assert all(data[3] == crc8_j1850(data[:3]) ^ 0xFF for _, data in wire.sent)
    assert [round(at_s - 0.5, 6) for at_s, _ in wire.sent] == [0, 0.02, 0.04, 0.06, 0.08]


def test_where_nobody_else_counts_our_own_last_value_is_gone_on_from(tmp_path: Path) -> None:
    frame, counters = horn(tmp_path), Counters()
    send(frame, Wire([(0.1, heard(9))]), counters)
    silent = Wire([])
    send(replace(frame, base=bytes(4)), silent, counters)
    assert [data[2] >> 4 for _, data in silent.sent] == [15, 0, 1, 2, 3]
    assert silent.sent[0][0] >= 1  # It was listened for.


def test_a_message_of_29_bits_has_a_counter_of_its_own(tmp_path: Path) -> None:
    frame, counters = replace(horn(tmp_path), extended=True, base=bytes(4)), Counters()
    counters.sent(replace(frame, extended=False), 9)
    assert counters.last(frame) == -1
    counters.sent(frame, 3)
    assert (counters.last(frame), counters.last(replace(frame, extended=False))) == (3, 9)


def test_an_interface_whose_queue_is_full_for_a_moment_gets_them_all(tmp_path: Path) -> None:
    wire = Wire([(0.0, heard(0))])
    wire.full = 3
    assert send(horn(tmp_path), wire) == 5
    wire = Wire([(0.0, heard(0))])
    wire.full = 1000
    with pytest.raises(OSError, match="No buffer space"):
        send(horn(tmp_path), wire)
    assert wire.sent == []


def test_what_is_heard_and_too_short_is_nothing_to_complete(tmp_path: Path) -> None:
    with pytest.raises(TransmissionError, match="HornCommand has 1 bytes on the bus, expected 4"):
        send(horn(tmp_path), Wire([(0.0, b"\0")]))
