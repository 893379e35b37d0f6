"""The kernel's broadcast manager hands over a few in a hundred frames of a real bus; every newest value is right."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from agent.bus.frame import Frame
from agent.bus.losses import Losses
from agent.bus.socketcan.bus import SocketBus, socket_bus
from agent.bus.socketcan.buses import Buses
from agent.bus.socketcan.stamps import Stamps
from agent.bus.socketcan.throttle import SILENCE_MS
from agent.bus.wanted import Listening, Sampled
from agent.plan.compiling import compile_plan
from agent.plan.listening import listening
from tests.beds.can.buses import ip, say, talker
from tests.beds.can.recordings import part, rav4

WANTED = Sampled(0xFF, 1, 200, False)
PATIENCE_S = 60


def bus_of(wanted: Listening, stamps: Stamps) -> tuple[SocketBus, Losses]:
    losses = Losses()
    return socket_bus(wanted, "vcan0", losses, stamps, fd=False, throttle=True), losses


def heard(buses: Buses, seconds: float) -> list[Frame]:
    until_s = time.monotonic() + seconds
    frames: list[Frame] = []
    while time.monotonic() < until_s:
        frames += buses.read(0.1)
    return frames


@pytest.mark.slow
def test_of_a_real_minute_seven_in_a_hundred_frames_are_read_and_every_newest_value_is_right_at_each_quarter(
    shared: Path, tmp_path: Path
) -> None:
    plan = compile_plan(rav4(shared, tmp_path, on_change=0))
    wanted = listening(plan, "can0")
    assert not wanted.each
    drive = part(shared / "data/logs/toyota_rav4_2018_comma2k19_60s.log.gz", 60, tmp_path / "drive.log")
    quarters = _quarters(drive.read_text().splitlines())
    stamps = Stamps()
    bus, losses = bus_of(wanted, stamps)
    buses = Buses([bus], stamps)
    newest: dict[int, bytes] = {}
    last: dict[int, bytes] = {}
    wrong: list[tuple[int, str]] = []
    handed_on = 0
    try:
        buses.read(0)
        for number, quarter in enumerate(quarters):
            (tmp_path / "quarter.log").write_text("\n".join(quarter) + "\n")
            player = subprocess.Popen(["canplayer", "-I", str(tmp_path / "quarter.log")])
            frames = []
            while player.poll() is None:
                frames += buses.read(0.1)
            frames += heard(buses, 1.1)
            handed_on += len(frames)
            newest |= {frame.id: frame.data for frame in frames}
            said = [line.split()[2].split("#") for line in quarter]
            last |= {int(ident, 16): bytes.fromhex(data) for ident, data in said}
            wrong += [
                (number, hex(ident))
                for (ident, _), sampled in wanted.sampled.items()
                if ident in last and (_bits(last[ident]) ^ _bits(newest.get(ident, b""))) & sampled.bits
            ]
    finally:
        buses.close()
    count = sum(map(len, quarters))
    share = bus.frames / count
    print(f"{bus.frames} of {count} frames read: {share:.1%}, {len(newest)} ids")
    assert wrong == []
    assert share <= 0.07
    assert losses.overrun == 0
    assert handed_on + losses.passed_over <= bus.frames


def _quarters(lines: list[str]) -> list[list[str]]:
    """Of a minute's frames."""
    began_s = float(lines[0].split()[0].strip("()"))
    quarters: list[list[str]] = [[], [], [], []]
    for line in lines:
        quarters[min(int((float(line.split()[0].strip("()")) - began_s) / 15), 3)].append(line)
    return quarters


def test_what_keeps_saying_the_same_is_fresh_for_as_long_as_it_is_said() -> None:
    wanted = Listening("can0", frozenset(), {(0x123, False): WANTED}, frozenset(), 100)
    stamps = Stamps()
    bus, _ = bus_of(wanted, stamps)
    buses = Buses([bus], stamps)
    try:
        buses.read(0)
        with talker("vcan0") as sender:
            frames: list[Frame] = []
            for _ in range(60):
                say(sender, 0x123, b"\1")
                frames += heard(buses, 0.05)
            silent_ms = stamps.now_ms
            assert bus.frames <= 2
            assert len(frames) >= 10
            frames = heard(buses, 3 * SILENCE_MS / 1000)
            assert frames[-1].at_ms <= silent_ms + 2 * SILENCE_MS
            # It speaks again, with the same words.
            say(sender, 0x123, b"\1")
            assert [frame.data for frame in heard(buses, 0.2)][:1] == [b"\1"]
    finally:
        buses.close()


def test_a_throttled_bus_recovers_when_its_interface_was_down() -> None:
    wanted = Listening("can0", frozenset(), {(0x123, False): WANTED}, frozenset(), 100)
    stamps = Stamps()
    bus, losses = bus_of(wanted, stamps)
    buses = Buses([bus], stamps)
    try:
        buses.read(0)
        ip("set", "vcan0", "down")
        try:
            heard(buses, 0.3)
        finally:
            ip("set", "vcan0", "up")
        with talker("vcan0") as sender:
            say(sender, 0x123, b"\7")
            deadline_s = time.monotonic() + PATIENCE_S
            frames: list[Frame] = []
            while not frames and time.monotonic() < deadline_s:
                frames = buses.read(0.1)
        assert [frame.data for frame in frames] == [b"\7"]
        assert losses.recovered >= 1
    finally:
        buses.close()


def test_events_and_changes_are_not_throttled() -> None:
    wanted = Listening("can0", frozenset({(0x200, False)}), {(0x123, False): WANTED}, frozenset(), 100)
    stamps = Stamps()
    bus, _ = bus_of(wanted, stamps)
    buses = Buses([bus], stamps)
    try:
        buses.read(0)
        with talker("vcan0") as sender:
            for number in range(20):
                say(sender, 0x200, bytes([number]))
                say(sender, 0x123, bytes([number]))
        frames = heard(buses, 1.0)
    finally:
        buses.close()
    assert [frame.data[0] for frame in frames if frame.id == 0x200] == list(range(20))
    throttled = [frame.data[0] for frame in frames if frame.id == 0x123]
    assert len(set(throttled)) < 5
    assert throttled[-1] == 19


def _bits(data: bytes) -> int:
    return int.from_bytes(data.ljust(8, b"\0"), "little")


def test_what_is_watched_from_now_on_is_heard_frame_by_frame_and_then_throttled_again() -> None:
    throttled = Listening("can0", frozenset(), {(0x123, False): WANTED, (0x124, False): WANTED}, frozenset(), 100)
    watched = Listening("can0", frozenset({(0x123, False)}), {(0x124, False): WANTED}, frozenset(), 100)
    stamps = Stamps()
    bus, losses = bus_of(throttled, stamps)
    buses = Buses([bus], stamps)

    def told(number: int) -> int:
        """How many of 40 changes, all within a few of the throttle's intervals, come out."""
        for value in range(40):
            say(sender, number, bytes([value]))
            time.sleep(0.005)
        found = heard(buses, 1)
        return len({frame.data for frame in found if frame.id == number})

    try:
        buses.read(0)
        with talker("vcan0") as sender:
            assert told(0x123) < 20
            bus.listen(watched)
            assert told(0x123) == 40
            assert told(0x124) < 20
            bus.listen(throttled)
            assert told(0x123) < 20
        assert bus.is_open
        assert losses.recovered == 0
    finally:
        buses.close()
