"""What the box's computer says of itself, and how often."""

from __future__ import annotations

import threading
from pathlib import Path

from agent.devices.computer import box_frame
from agent.devices.messages import decoder, frame_of
from agent.devices.periodic import Periodic


def test_the_computer_says_its_temperature_its_free_disk_and_how_long_it_is_up(tmp_path: Path) -> None:
    decode = decoder("Box", ["Temperature", "FreeDisk", "Uptime"])
    thermal = tmp_path / "temp"
    thermal.write_text("48312\n")
    temperature, free_mb, uptime = decode(box_frame(90_000, tmp_path, thermal).data)
    assert (temperature, uptime) == (483, 90)
    assert free_mb is not None
    assert free_mb > 0
    for text in ("", "hot"):
        thermal.write_text(text)
        assert decode(box_frame(1000, tmp_path / "absent", thermal).data) == (None, None, 1)


def test_what_is_said_regularly_is_said_when_it_is_due_and_closing_ends_the_wait() -> None:
    now_ms = 1000
    said = Periodic(10_000, lambda: frame_of(now_ms, "Power", {"Supply": 12.0}), lambda: now_ms)
    assert [frame.at_ms for frame in said.read(0)] == [1000]
    assert said.read(0) == []
    now_ms = 11_000
    assert [frame.at_ms for frame in said.read(0)] == [11_000]
    waiting = threading.Thread(target=said.read, args=(600,))
    waiting.start()
    said.close()
    waiting.join(60)
    assert not waiting.is_alive()
    assert Periodic(1, lambda: None, lambda: 0).read(0) == []
