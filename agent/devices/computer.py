"""What the box's computer says of itself: the device message `Box`."""

from __future__ import annotations

import os
from pathlib import Path

from agent.bus.frame import Frame
from agent.devices.messages import frame_of
from agent.disk.small import read_small

THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
"""Thousandths of a degree; the processor's as a rule."""


def box_frame(at_ms: int, state: Path, thermal: Path = THERMAL) -> Frame:
    """`state` is the folder on the disk whose free room counts."""
    values = {"Temperature": _celsius(thermal), "FreeDisk": _free_mb(state), "Uptime": at_ms / 1000}
    return frame_of(at_ms, "Box", values)


def _celsius(thermal: Path) -> float | None:
    try:
        return int(read_small(thermal)) / 1000
    except (OSError, ValueError):
        return None


def _free_mb(folder: Path) -> float | None:
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize / 1e6
