"""The frame: what every bus source hands on, and what the sampler takes.

A source drops remote and error frames (they carry no data) and counts them.
"""

from __future__ import annotations

from typing import NamedTuple


class Frame(NamedTuple):
    """One data frame of a bus."""

    at_ms: int
    """On the boot's monotonic clock; in a recording, since its first frame. Never less than the frame before."""
    bus: str
    """The bus as the vehicle profile names it."""
    id: int
    """11 or 29 bits, without flags."""
    extended: bool
    """Whether the id has 29 bits."""
    data: bytes
    """0 to 8 bytes, up to 64 with CAN FD."""
    fd: bool = False
