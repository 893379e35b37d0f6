"""A GNSS receiver on a serial port, read by pyserial.

Receivers say an instant in a burst of sentences, once or a few times a second; the pause after it ends the instant. A
port that disappears (an unplugged USB receiver) is opened again, after half a second first and up to 30 s later on.
What is no sentence is counted; where nothing else comes, as at a wrong baud rate, that is said once. What a receiver
says of the time is made right or left out by `agent.gnss.receiver_time`.
"""

from __future__ import annotations

import logging
import termios
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType

import serial

from agent.bus.losses import Losses
from agent.gnss.fix import Fix
from agent.gnss.nmea import Assembler, Instant
from agent.gnss.receiver_time import Repeats, rolled_over

log = logging.getLogger(__name__)

_PAUSE_S = 0.05
_GATHER_S = 0.03
_LONGEST_LINE = 1024
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 30.0
_FAILURES = (serial.SerialException, OSError, termios.error)
_TELLING_LINES = 50
"""So many lines without one sentence among them are no accident."""


class Receiver:
    """Reads fixes from a port until closed."""

    def __init__(
        self,
        port: str,
        baud: int = 9600,
        losses: Losses | None = None,
        monotonic_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
    ) -> None:
        self.losses = losses if losses is not None else Losses()
        self._port = port
        self._baud = baud
        self._monotonic_ms = monotonic_ms
        self._assembler = Assembler(port, self.losses)
        self._repeats = Repeats()
        self._open: serial.Serial | None = None
        self._rest = b""
        self._begun = False
        self._failed = False
        self._retry_at_ms = 0
        self._delay_s = _FIRST_DELAY_S

    def read(self, wait_s: float) -> list[Fix]:
        """The fixes that were completed; waits up to `wait_s`."""
        port = self._opened(wait_s)
        if port is None:
            return []
        fixes: list[Fix] = []
        deadline_ms = self._monotonic_ms() + round(wait_s * 1000)
        try:
            while True:
                left_s = max(0, deadline_ms - self._monotonic_ms()) / 1000
                port.timeout = _PAUSE_S if self._assembler.begun else left_s
                data: bytes = port.read(1)
                at_ms = self._monotonic_ms()
                if data:
                    # What comes at some hundred bytes a second is not worth waking up for each of them.
                    time.sleep(_GATHER_S)
                    fixes += self._take(data + port.read(port.in_waiting), at_ms)
                else:
                    fixes += self._fixes(self._assembler.flush())
                if fixes or self._monotonic_ms() >= deadline_ms:
                    return fixes
        except _FAILURES as failure:
            self._fail(failure)
            return fixes

    def close(self) -> None:
        port, self._open = self._open, None
        if port is not None:
            port.close()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _take(self, data: bytes, at_ms: int) -> list[Fix]:
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:  # Not a receiver, or the wrong baud rate.
            whole.append(self._rest)
            self._rest = b""
        fixes: list[Fix] = []
        for line in whole:
            text = line.decode("ascii", "replace").strip()
            if not self._begun:
                # The port is opened in the middle of a sentence as often as not: that is no damage.
                self._begun = True
                if not text.startswith("$"):
                    continue
            fixes += self._fixes(self._assembler.sentence(text, at_ms))
            if self._assembler.damaged_in_a_row == _TELLING_LINES:
                advice = "is that its baud rate, and is it set to send NMEA 0183?"
                log.warning("GNSS receiver: %s: no sentence at %d baud: %s", self._port, self._baud, advice)
        return fixes

    @property
    def connected(self) -> bool:
        """Whether the port is open."""
        return self._open is not None

    @property
    def stale(self) -> int:
        """How often the receiver said an old instant again."""
        return self._repeats.stale

    def _fixes(self, ended: Iterable[tuple[Instant, int | None]]) -> Iterator[Fix]:
        for instant, utc_ms in ended:
            at_ms = instant.at_ms or 0
            if self._repeats.repeated(instant.time, at_ms):
                continue
            # Only a valid RMC of this very instant gives the time: its arrival is what the anchor is made of.
            dated = utc_ms if instant.date() is not None else None
            yield instant.fix(at_ms, None if dated is None else rolled_over(dated))

    def _opened(self, wait_s: float) -> serial.Serial | None:
        if self._open is not None:
            return self._open
        due_s = (self._retry_at_ms - self._monotonic_ms()) / 1000
        if due_s > 0:
            time.sleep(min(due_s, wait_s))
            return None
        try:
            self._open = serial.Serial(self._port, self._baud, timeout=_PAUSE_S)
        except _FAILURES as failure:
            self._fail(failure)
            return None
        if self._failed:
            self._failed = False
            self.losses.recovered += 1
            log.info("GNSS receiver: %s is open again", self._port)
        self._delay_s = _FIRST_DELAY_S
        self._rest = b""
        self._begun = False
        return self._open

    def _fail(self, failure: BaseException) -> None:
        self._failed = True
        self._retry_at_ms = self._monotonic_ms() + round(self._delay_s * 1000)
        log.warning("GNSS receiver: %s: %s; next try in %.1f s", self._port, failure, self._delay_s)
        self._delay_s = min(2 * self._delay_s, _LONGEST_DELAY_S)
        self.close()
