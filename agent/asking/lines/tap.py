"""A bus of python-can, as a line uses it: what the interface reads anyway is listened to, and it sends for us.

Most adapters can be opened only once, so the asker shares the one that the agent reads from.
"""

from __future__ import annotations

import queue
from collections.abc import Collection
from contextlib import suppress

from agent.bus.frame import Frame
from agent.bus.interface import Interface

_MOST_FRAMES = 4096


class TapWire:
    """The frames of some ids of an interface that is being read by somebody else."""

    def __init__(self, interface: Interface, ids: Collection[tuple[int, bool]]) -> None:
        self._interface = interface
        self._ids = frozenset(ids)
        self._heard: queue.Queue[Frame] = queue.Queue(_MOST_FRAMES)
        self._others = False
        interface.listen(self._hear)

    def send(self, number: int, extended: bool, data: bytes) -> None:
        """Raises OSError."""
        self._interface.send(number, extended, data)

    def receive(self, wait_s: float) -> list[Frame]:
        frames: list[Frame] = []
        with suppress(queue.Empty):
            frames.append(self._heard.get(timeout=wait_s) if wait_s else self._heard.get_nowait())
            while True:
                frames.append(self._heard.get_nowait())
        return frames

    def others_spoke(self) -> bool:
        spoke, self._others = self._others, False
        return spoke

    def close(self) -> None:
        self._interface.unlisten(self._hear)

    def _hear(self, frame: Frame) -> None:
        """Called by the thread that reads the interface."""
        if (frame.id, frame.extended) not in self._ids:
            self._others = True
            return
        with suppress(queue.Full):
            self._heard.put_nowait(frame)
