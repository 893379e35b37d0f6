"""All SocketCAN buses of a vehicle, read together by the thread that samples.

They are emptied every 50 ms, so that a burst costs one waking up and not one for each frame: a processor that has just
woken up is slow, and 50 ms cost a fifth less than 20 ms. When nothing came for two turns the thread sleeps until
something does: buses that say little or nothing cost next to nothing, and there are no more than 30 wake-ups a second
whatever the buses do.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Sequence

from agent.bus.frame import Frame
from agent.bus.socketcan.bus import SocketBus
from agent.bus.socketcan.stamps import Stamps

TURN_S = 0.05
_IDLE_TURNS = 2


class Buses:
    def __init__(self, buses: Sequence[SocketBus], stamps: Stamps) -> None:
        self.settled_ms = 0
        """Everything that came up to here has been given out, on all buses."""
        self.buses = tuple(buses)
        self._stamps = stamps
        self._epoll = select.epoll()
        self._woken = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._woken, select.EPOLLIN)
        self._idle = _IDLE_TURNS
        self._turn_s = 0.0

    def wake(self) -> None:
        """Ends the waiting of `read`, from another thread."""
        os.eventfd_write(self._woken, 1)

    def read(self, wait_s: float) -> list[Frame]:
        """What has come on any bus; waits up to `wait_s` where all are silent. In order for each bus."""
        self._wait(wait_s)
        self.settled_ms = self._stamps.begin() - 1
        frames: list[Frame] = []
        for bus in self.buses:
            if bus.try_to_open():
                for descriptor in bus.descriptors:
                    # A socket that is closed leaves by itself.
                    self._epoll.register(descriptor, select.EPOLLIN)
            frames += bus.read()
        self._idle = 0 if frames else self._idle + 1
        return frames

    def close(self) -> None:
        for bus in self.buses:
            bus.close()
        self._epoll.close()
        os.close(self._woken)

    def _wait(self, wait_s: float) -> None:
        if self._idle >= _IDLE_TURNS:
            ready = [descriptor for descriptor, _ in self._epoll.poll(wait_s)]
            if self._woken in ready:
                os.eventfd_read(self._woken)
            if not ready or ready == [self._woken]:
                return
            self._idle = 0
            self._turn_s = time.monotonic()
        self._turn_s = max(self._turn_s + TURN_S, time.monotonic())
        time.sleep(max(0.0, self._turn_s - time.monotonic()))
