"""An agent's loop that does nothing but turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.health.notify import Notifier
from agent.health.reporter import Reporter
from agent.health.snapshot import (
    BusHealth,
    ClockHealth,
    GnssHealth,
    Identity,
    JournalHealth,
    Parts,
    SamplingHealth,
    UplinkHealth,
)
from agent.settings.health import HealthSettings

VIN = "VR3CANL1FT0000001"
IDENTITY = Identity(VIN, "demo-car", bytes(range(16)), 4711)
PARTS = Parts(
    buses=lambda: {
        "can0": BusHealth(interface="socketcan can0", open=True, frames=897, dropped=2, silent_s=0.02),
        'can "1"': BusHealth(interface="slcan /dev/ttyACM0", open=False, frames=0, bus_off=3),
        "comfort": BusHealth(interface="socketcan can1", open=True, frames=12, error_frames=12, only_errors=True),
    },
    state=lambda: "driving",
    privacy=lambda: "None",
    privacy_unwritten=lambda: 1,
    sampling=lambda: SamplingHealth(frames=897, samples=165, uploads=3, lag_s=0.15),
    gnss=lambda: GnssHealth(source="/dev/ttyACM1", open=True, fix="3D", satellites=9, fixes=60, stale=4),
    clock=lambda: ClockHealth(source="gnss", uncertainty_ms=300, refused={"system": 7}),
    journal=lambda: JournalHealth(
        depth=2,
        size_bytes=4096,
        most_bytes=64 << 20,
        by_priority={"event": 1, "state": 1},
        day_bytes=3000,
        wear_spent=True,
        trouble="Read-only file system",
        newer=5,
    ),
    uplink=lambda: UplinkHealth(connected=True, connections=1, published=3, receipted=1),
)


@contextmanager
def turning(settings: HealthSettings, parts: Parts = PARTS) -> Iterator[Reporter]:
    ended = threading.Event()
    with Reporter(IDENTITY, parts, settings, Notifier({})) as reporter:

        def turn() -> None:
            at_ms = 0
            while not ended.wait(0.01):
                at_ms += 10
                reporter.turned(at_ms, uplink_alive=True)

        thread = threading.Thread(target=turn)
        thread.start()
        try:
            yield reporter
        finally:
            ended.set()
            thread.join()


@contextmanager
def hanging(settings: HealthSettings) -> Iterator[Reporter]:
    with Reporter(IDENTITY, PARTS, settings, Notifier({})) as reporter:
        yield reporter


def at(folder: Path, metrics: bool = False) -> HealthSettings:
    return HealthSettings(status_socket=folder / "status.sock", metrics="127.0.0.1:0" if metrics else None)
