"""`[remote] wake_command`: what an operator has to wake a vehicle up whose modem sleeps too, as by a short message.

It runs with the VIN as its last argument, without a shell, for at most `LONGEST_S`, a few at once. What comes of it is
seen when the vehicle connects, and by nothing else.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

LONGEST_S = 30.0
AT_ONCE = 4
MOST_WAITING = 200

log = logging.getLogger(__name__)


class Waker:
    """Safe to call from any thread."""

    def __init__(self, command: Sequence[str], again_ms: int, longest_s: float = LONGEST_S) -> None:
        """`command`: empty where there is none. A vehicle is not woken up again within `again_ms`."""
        self._command = tuple(command)
        self._again_ms = again_ms
        self._longest_s = longest_s
        self._woken: dict[str, int] = {}
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = threading.Event()
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)
        self._pool = ThreadPoolExecutor(AT_ONCE, "waker")

    def wake(self, vin: str, now_ms: int) -> None:
        self._woken = {one: at_ms for one, at_ms in self._woken.items() if at_ms > now_ms - self._again_ms}
        if not self._command or vin in self._woken:
            return
        if not self._waiting.acquire(blocking=False):
            log.error("vehicle %s is not woken up: [remote] wake_command is behind with %d others", vin, MOST_WAITING)
            return
        self._woken[vin] = now_ms
        self._pool.submit(self._run, vin)

    def close(self) -> None:
        """Kills what still runs."""
        self._closed.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in tuple(self._running):
            _kill(process)
        self._pool.shutdown()

    def _run(self, vin: str) -> None:
        try:
            # A group of its own: what a script started is killed with it.
            process = subprocess.Popen(
                [*self._command, vin], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            log.error("[remote] wake_command cannot be run: %s", error)
        else:
            self._await(process, vin)
        finally:
            self._waiting.release()

    def _await(self, process: subprocess.Popen[bytes], vin: str) -> None:
        self._running.add(process)
        try:
            if self._closed.is_set():
                _kill(process)
            status = process.wait(self._longest_s)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.wait()
            log.error("[remote] wake_command for vehicle %s did not end within %g s: killed", vin, self._longest_s)
        else:
            if status and not self._closed.is_set():
                log.error("[remote] wake_command for vehicle %s ended with status %d", vin, status)
        finally:
            self._running.discard(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
