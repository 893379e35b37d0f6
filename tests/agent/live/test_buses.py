"""Each bus of a live run says for itself how it is."""

from __future__ import annotations

from pathlib import Path

import can

from agent.clocks.system import monotonic_ms
from agent.live.buses import LiveBuses
from agent.settings.bus import BusSettings
from tests.agent import model

CHANNEL = "canlift-live"


def test_each_bus_counts_for_itself(tmp_path: Path) -> None:
    settings = {
        "can0": BusSettings(CHANNEL, "virtual"),
        "can1": BusSettings("canlift-none"),
    }
    profile = model.PROFILE.replace("[classes]", '[buses.can1]\ndatabases = ["other.dbc"]\n\n[classes]', 1)
    (tmp_path / "other.dbc").write_text(
        'VERSION ""\nBU_: Car\nBO_ 16 Other: 1 Car\n SG_ A : 0|8@1+ (1,0) [0|0] "" Car\n'
    )
    buses = LiveBuses(settings, model.plan(tmp_path, profile), lambda _: None, monotonic_ms)
    (python_can,) = buses.sources
    assert buses.direct is not None
    assert not any(bus.open for bus in buses.health().values())
    try:
        python_can.read(0)
        with can.Bus(CHANNEL, "virtual") as other:
            for number in (0x100, 0x200, 0x7FF):
                other.send(can.Message(arbitration_id=number, data=bytes(2), is_extended_id=False))
            other.send(can.Message(arbitration_id=0x100, is_remote_frame=True, is_extended_id=False))
            other.send(can.Message(is_error_frame=True))
            while buses.health()["can0"].error_frames == 0:
                python_can.read(1)
        buses.direct.read(0)
        python_can.losses.damaged("bus can0", "virtual", "no frame")
        health = buses.health()
    finally:
        python_can.close()
        buses.direct.close()
    one, other_one = health["can0"], health["can1"]
    assert (one.interface, one.open, one.frames, one.remote_frames) == (f"virtual {CHANNEL}", True, 3, 1)
    assert (one.unreadable, other_one.unreadable) == (1, 0)
    assert one.silent_s is not None
    assert (other_one.interface, other_one.open, other_one.frames) == ("socketcan canlift-none", False, 0)
    assert (other_one.error_frames, other_one.silent_s) == (0, None)
