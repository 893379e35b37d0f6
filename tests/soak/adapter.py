"""A CAN adapter at a serial port that is a pseudo-terminal: it says the drive's frames, as slcan writes them."""

from __future__ import annotations

import os
import select
import threading
import time
import tty
from types import TracebackType
from typing import Self

from tests.soak.drive import frames

_FOREVER_S = 1e9
_NOT_READ_S = 0.5


class Adapter:
    """`speed`: how many seconds of the drive it says in one."""

    def __init__(self, speed: float) -> None:
        self.said = 0
        """Frames, so far."""
        self._speed = speed
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.port = os.ttyname(self._theirs)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._talk, name="adapter", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        os.close(self._ours)
        os.close(self._theirs)

    def _talk(self) -> None:
        began_s = time.monotonic()
        for frame in frames(_FOREVER_S):
            due_s = began_s + frame.at_s / self._speed - time.monotonic()
            if due_s > 0 and self._stop.wait(due_s):
                return
            if self._stop.is_set():
                return
            # What nobody reads is lost, as on a bus; what it is told (its bit rate, to open) it just takes.
            readable, writable, _ = select.select([self._ours], [self._ours], [], _NOT_READ_S)
            if readable:
                os.read(self._ours, 4096)
            if writable:
                os.write(self._ours, f"t{frame.number:03X}{len(frame.data)}{frame.data.hex().upper()}\r".encode())
                self.said += 1
