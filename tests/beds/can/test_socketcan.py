"""The reader on real SocketCAN: what it hears, and that it goes on hearing whatever becomes of the interface."""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.beds.can.buses import CLASSIC, ERROR, EXTENDED, FD, REMOTE, Hearing, ip, say, talker


@pytest.fixture
def own_bus() -> Iterator[str]:
    """An interface that a test may take away."""
    ip("add", "vcan9", "type", "vcan")
    ip("set", "vcan9", "up")
    yield "vcan9"
    subprocess.run(["ip", "link", "del", "vcan9"], check=False, stderr=subprocess.DEVNULL)


def test_only_what_is_wanted_is_read_on_every_bus() -> None:
    with Hearing("vcan0", "vcan1") as hearing, talker("vcan0") as one, talker("vcan1") as other:
        for number in range(0x80, 0x180):
            say(one, number, b"\1")
        say(other, 0x18FEDF00 | EXTENDED, b"\2\3")
        say(other, 0x0FEDF00 | EXTENDED, b"\2\3")
        assert hearing.until(lambda: len(hearing.frames) == 2)
        assert hearing.losses.passed_over == 0
    assert [frame[1:] for frame in hearing.frames] == [
        ("vcan0", 0x100, False, b"\1", False),
        ("vcan1", 0x18FEDF00, True, b"\2\3", False),
    ]


def test_can_fd_frames_are_heard_beside_classic_ones() -> None:
    with Hearing("vcan0", fd=True) as hearing, talker("vcan0") as sender:
        # With bit rate switch and error state indicator.
        sender.send(FD.pack(0x100, 64, 0x03, bytes(range(64))))
        say(sender, 0x100, bytes(8))
        sender.send(FD.pack(0x100, 12, 0, bytes(12)))
        assert hearing.until(lambda: len(hearing.frames) == 3)
    assert [(frame.data, frame.fd) for frame in hearing.frames] == [
        (bytes(range(64)), True),
        (bytes(8), False),
        (bytes(12), True),
    ]


def test_remote_frames_error_frames_and_bus_off_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    with Hearing("vcan0") as hearing, talker("vcan0") as sender, caplog.at_level(logging.WARNING):
        sender.send(CLASSIC.pack(0x222 | REMOTE, 0, b""))
        sender.send(CLASSIC.pack(ERROR | 0x04, 8, b"\0\x10"))
        sender.send(CLASSIC.pack(ERROR | 0x40, 8, b""))
        say(sender, 0x100, b"")
        assert hearing.until(lambda: len(hearing.frames) == 1)
        losses = hearing.losses
        assert (losses.remote, losses.error, losses.bus_off, losses.passed_over) == (1, 2, 1, 0)
    assert any("bus vcan0: the controller reports: bus off" in record.getMessage() for record in caplog.records)


def test_a_burst_of_thousands_fits_and_none_is_lost() -> None:
    with Hearing("vcan0") as hearing, talker("vcan0") as sender:
        for number in range(5_000):
            say(sender, 0x100, number.to_bytes(2, "big"))
        assert hearing.until(lambda: len(hearing.frames) == 5_000)
        assert hearing.losses.overrun == 0
    assert [int.from_bytes(frame.data, "big") for frame in hearing.frames] == list(range(5_000))


def test_an_interface_that_goes_down_and_up_is_heard_again(own_bus: str, caplog: pytest.LogCaptureFixture) -> None:
    with Hearing(own_bus) as hearing, caplog.at_level(logging.INFO):
        for turn in (1, 2):
            ip("set", own_bus, "down")
            assert hearing.until(lambda: len(caplog.records) % 2 == 1)
            ip("set", own_bus, "up")
            with talker(own_bus) as sender:
                say(sender, 0x100, bytes([turn]))
            assert hearing.until(lambda: len(caplog.records) % 2 == 0)
        assert hearing.losses.recovered == 2
    assert [frame.data for frame in hearing.frames] == [b"\1", b"\2"]
    said = [record.getMessage() for record in caplog.records]
    assert said == ["bus vcan9: vcan9: Network is down", "bus vcan9: vcan9 is up again"] * 2


def test_an_adapter_that_is_unplugged_and_plugged_in_again_is_heard_again(
    own_bus: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Hearing("vcan0", own_bus) as hearing, talker("vcan0") as other, caplog.at_level(logging.INFO):
        ip("del", own_bus)
        assert hearing.until(lambda: len(caplog.records) == 1)
        say(other, 0x100, b"\1")
        assert hearing.until(lambda: len(hearing.frames) == 1)
        ip("add", own_bus, "type", "vcan")
        ip("set", own_bus, "up")
        assert hearing.until(lambda: hearing.losses.recovered == 1)
        with talker(own_bus) as sender:
            say(sender, 0x100, b"\2")
        assert hearing.until(lambda: len(hearing.frames) == 2)
    assert [(frame.bus, frame.data) for frame in hearing.frames] == [("vcan0", b"\1"), (own_bus, b"\2")]
    assert "No such device" in caplog.records[0].getMessage() or "Network is down" in caplog.records[0].getMessage()


def test_an_interface_that_is_missing_or_down_at_the_start_is_heard_once_it_is_up() -> None:
    with Hearing("vcan9") as hearing:
        assert hearing.frames == []
        ip("add", "vcan9", "type", "vcan")
        try:
            assert hearing.until(lambda: all(bus.is_open for bus in hearing.buses.buses))
            ip("set", "vcan9", "up")
            with talker("vcan9") as sender:
                say(sender, 0x100, b"\1")
                assert hearing.until(lambda: len(hearing.frames) == 1)
        finally:
            ip("del", "vcan9")
        assert hearing.losses.recovered >= 1


def test_a_silent_bus_costs_no_turns() -> None:
    with Hearing("vcan0") as hearing:
        for _ in range(10):
            hearing.buses.read(0)
        began_s, used_s = time.monotonic(), time.process_time()
        hearing.buses.read(1.0)
        assert time.monotonic() - began_s > 0.9
        assert time.process_time() - used_s < 0.5
