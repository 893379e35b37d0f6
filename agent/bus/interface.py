"""A live bus through python-can: slcan on a serial port, PCAN, Kvaser, `virtual`, `udp_multicast`, SocketCAN and more.

The loop is ours, not python-can's `Notifier`, which ends without a word when the interface goes down. An interface that
fails or disappears is closed and opened again, after half a second first and after longer waits up to 30 s; each time
is counted. Reading waits for one frame and then takes what else has come, so that a burst costs one wake-up.

A datagram of `udp_multicast` is a map, and what it leaves out python-can fills in: an id of 0 with 29 bits, which no
vehicle says and is taken for none here, and no data, which is a frame that is too short for its signals.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from agent.bus.failures import InterfaceError
from agent.bus.frame import Frame
from agent.bus.losses import Losses
from agent.bus.silence import Silence
from contract.configuration import nearest

if TYPE_CHECKING:
    import can

__all__ = ["Interface", "InterfaceError"]

log = logging.getLogger(__name__)

_LARGEST_BATCH = 4096
_GATHER_S = 0.02
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 30
_SEND_S = 0.1
_MULTICAST = "udp_multicast"


_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)
"""What python-can raises at what it cannot read, itself or as the cause of an error of its own."""


class Interface:
    """One bus, read until closed. `bus` is its name in the vehicle profile."""

    def __init__(
        self,
        bus: str,
        interface: str,
        channel: str,
        options: Mapping[str, Any] | None = None,
        losses: Losses | None = None,
        monotonic_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`interface`, `channel` and `options` (bitrate, fd, …) are python-can's. Opens at the first `read`."""
        self.bus = bus
        self.losses = losses if losses is not None else Losses()
        self._interface = interface
        self._channel = channel
        self._options = dict(options or {})
        self._what = f"{interface} {channel}".strip()
        self._silence = Silence(bus, self._what, self.losses)
        self._monotonic_ms = monotonic_ms
        self._sleep = sleep
        self.frames = 0
        """Read so far."""
        self.heard_ms: int | None = None
        """When the newest was read; None: none yet."""
        self._open: can.BusABC | None = None
        self._failures: tuple[type[Exception], ...] = (OSError,)
        """What a failing interface raises; python-can's own as well, once it is loaded."""
        self._listeners: tuple[Callable[[Frame], None], ...] = ()
        self._closed = False
        self._failed = False
        self._retry_at_ms = 0
        self._delay_s = _FIRST_DELAY_S

    @property
    def is_open(self) -> bool:
        return self._open is not None

    def batches(self, wait_s: float = 0.2) -> Iterator[list[Frame]]:
        """What comes, until closed. An empty batch where nothing came for `wait_s`: time passes on a silent bus too."""
        while not self._closed:
            yield self.read(wait_s)

    def read(self, wait_s: float) -> list[Frame]:
        """The frames that came; waits for the first one up to `wait_s`, no longer for the interface either.

        Raises `InterfaceError`.
        """
        bus = self._opened(wait_s)
        if bus is None:
            return []
        frames: list[Frame] = []
        try:
            message = self._received(bus, wait_s)
            if message is not None:
                self._take(message, frames)
                self._sleep(_GATHER_S)
                while len(frames) < _LARGEST_BATCH and (message := self._received(bus, 0)) is not None:
                    self._take(message, frames)
        except self._failures as failure:
            self._fail(failure)
        self._silence.listen(self._monotonic_ms(), heard=bool(frames))
        if frames:
            self.frames += len(frames)
            self.heard_ms = frames[-1].at_ms
        return frames

    def listen(self, hear: Callable[[Frame], None]) -> None:
        """Calls `hear` with each frame as it is read, by the thread that reads."""
        self._listeners = (*self._listeners, hear)

    def unlisten(self, hear: Callable[[Frame], None]) -> None:
        """Ends what `listen` began."""
        self._listeners = tuple(each for each in self._listeners if each != hear)

    def send(self, number: int, extended: bool, data: bytes) -> None:
        """Sends a data frame; may be called from another thread. Raises OSError."""
        bus = self._open
        if bus is None:
            raise OSError(errno.ENETDOWN, f"{self._what} is not open")
        import can

        try:
            bus.send(can.Message(arbitration_id=number, is_extended_id=extended, data=data), _SEND_S)
        except self._failures as failure:
            raise OSError(errno.EIO, f"{self._what}: {failure}") from failure

    def close(self) -> None:
        """May be called from another thread; the reader stops at its next wake-up."""
        self._closed = True
        self._shut()

    def __enter__(self) -> Interface:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _received(self, bus: can.BusABC, wait_s: float) -> can.Message | None:
        try:
            return bus.recv(wait_s)
        except _UNREADABLE as unreadable:
            # Serial adapters (slcan) speak lines, and python-can takes what came for a line: also half of one.
            wrong: BaseException = unreadable
        except self._failures as failure:
            # Anybody may send to a multicast group: what is no frame is no reason to leave it, and lose what waits.
            if not isinstance(failure.__cause__, _UNREADABLE):
                raise
            wrong = failure.__cause__
        self._no_frame(type(wrong).__name__)
        return None

    def _no_frame(self, wrong: str) -> None:
        self.losses.damaged(f"bus {self.bus}", self._what, f"what came is no frame: {wrong}")

    def _take(self, message: can.Message, frames: list[Frame]) -> None:
        if message.is_error_frame:
            self.losses.error += 1
        elif message.is_remote_frame:
            self.losses.remote += 1
        elif self._interface == _MULTICAST and message.arbitration_id == 0 and message.is_extended_id:
            # What python-can makes of a datagram that names no id.
            self._no_frame("it has no id")
        else:
            # The adapter's own time stamps count from whatever it likes: the time of reading is on the boot's clock.
            frame = Frame(
                self._monotonic_ms(),
                self.bus,
                message.arbitration_id,
                message.is_extended_id,
                bytes(message.data),
                message.is_fd,
            )
            frames.append(frame)
            for hear in self._listeners:
                hear(frame)

    def _opened(self, wait_s: float) -> can.BusABC | None:
        """The open bus; None, after `wait_s` or less, while it cannot be opened."""
        if self._open is not None or self._closed:
            return self._open
        due_s = (self._retry_at_ms - self._monotonic_ms()) / 1000
        if due_s > 0:
            self._sleep(min(due_s, wait_s))
            return None
        # Here and not above: it is large, and a vehicle whose buses are all SocketCAN does without it.
        import can

        self._failures = (can.CanError, OSError)
        try:
            self._open = can.Bus(self._channel, self._interface, ignore_config=True, **self._options)
        except (NotImplementedError, ValueError, TypeError, ImportError) as wrong:
            known = can.VALID_INTERFACES
            why = f"cannot open {self._what}: {wrong}"  # It lacks its package, or does not take what it is given.
            if self._interface not in known:
                why = f"has no interface {self._interface}{nearest(self._interface, known)}"
            raise InterfaceError(f"bus {self.bus}: python-can {why}") from wrong
        except self._failures as failure:
            self._fail(failure)
            return None
        if self._failed:
            self._failed = False
            self.losses.recovered += 1
            log.info("bus %s: %s is open again", self.bus, self._what)
        self._delay_s = _FIRST_DELAY_S
        return self._open

    def _fail(self, failure: BaseException) -> None:
        self._failed = True
        self._retry_at_ms = self._monotonic_ms() + round(self._delay_s * 1000)
        log.warning("bus %s: %s: %s; next try in %.1f s", self.bus, self._what, failure, self._delay_s)
        self._delay_s = min(2 * self._delay_s, _LONGEST_DELAY_S)
        self._shut()

    def _shut(self) -> None:
        bus, self._open = self._open, None
        if bus is not None:
            try:
                bus.shutdown()
            except self._failures as failure:
                log.warning("%s: closing: %s", self.bus, failure)
