"""One bus of SocketCAN: its socket, and what becomes of it while the interface comes and goes.

    absent    no such interface: tried again, after half a second first and after longer waits up to 5 s
    down      the interface is there and not up: the socket stays, and hears again once it is
    up

Each change is said once and counted (`Losses.recovered`).
"""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable

from msgspec.structs import replace

from agent.bus.frame import Frame
from agent.bus.losses import Losses
from agent.bus.silence import Silence
from agent.bus.socketcan.errors import ErrorFrames
from agent.bus.socketcan.packets import MOST, Packets
from agent.bus.socketcan.reduction import Reduction
from agent.bus.socketcan.sockets import filters, raw_socket, set_filters
from agent.bus.socketcan.stamps import Stamps
from agent.bus.socketcan.throttle import Throttle, exact
from agent.bus.wanted import Listening

log = logging.getLogger(__name__)

_FIRST_DELAY_MS = 500
_LONGEST_DELAY_MS = 5_000
_MOST_CALLS = 64
"""Of one bus in one turn, so that the other buses have theirs."""
CLASSIC_BYTES = 16
FD_BYTES = 72


def socket_bus(
    listening: Listening,
    channel: str,
    losses: Losses,
    stamps: Stamps,
    *,
    fd: bool,
    throttle: bool = False,
    packets: Packets | None = None,
) -> SocketBus:
    """A bus with all that the plan wants of it; `fd`: hear CAN FD frames too; `throttle`: by the broadcast manager."""
    wanted = exact(listening) if throttle else {}
    throttled = Throttle(listening.bus, channel, wanted, losses, stamps) if wanted else None

    def open_socket(read: Listening) -> socket.socket:
        return raw_socket(channel, filters(read), fd=fd)

    return SocketBus(listening, channel, open_socket, losses, stamps, fd=fd, packets=packets, throttled=throttled)


class SocketBus:
    """`open_socket` gives the bus's socket, ready to be read, or raises OSError; it is first called by `try_to_open`.
    What `throttled` reads is not read by that socket.

    Buses that are read by one thread may share `packets` of their size: less memory has to be fetched at each turn.
    """

    def __init__(
        self,
        listening: Listening,
        channel: str,
        open_socket: Callable[[Listening], socket.socket],
        losses: Losses,
        stamps: Stamps,
        *,
        fd: bool = False,
        packets: Packets | None = None,
        throttled: Throttle | None = None,
    ) -> None:
        self.bus = listening.bus
        self._channel = channel
        self._open_socket = open_socket
        self._losses = losses
        self._stamps = stamps
        self._size = FD_BYTES if fd else CLASSIC_BYTES
        self._packets = Packets(self._size) if packets is None else packets
        self._listening = _rest(listening, throttled)
        self._reduction = Reduction(self._listening, losses, ErrorFrames(listening.bus, losses, lambda: stamps.now_ms))
        self.frames = 0
        """Read so far, error frames included."""
        self.heard_ms: int | None = None
        """When the newest was read; None: none yet."""
        self._throttled = throttled
        self._socket: socket.socket | None = None
        self._failed = False
        self._retry_at_ms = 0
        self._delay_ms = _FIRST_DELAY_MS
        self._last_ms = 0
        """Time of the last frame."""
        self._silence = Silence(self.bus, channel, losses)
        self._drops = 0

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    @property
    def descriptors(self) -> list[int]:
        """Those of its sockets."""
        own = None if self._socket is None else self._socket.fileno()
        other = None if self._throttled is None else self._throttled.descriptor
        return [descriptor for descriptor in (own, other) if descriptor is not None]

    def listen(self, listening: Listening) -> None:
        """This is wanted from now on, of the same bus. No frame is lost: one that the kernel's throttle gave up to now
        is read by the socket before it is given up there, and the other way round."""
        before, self._listening = self._listening, _rest(listening, self._throttled)
        self._reduction.listen(self._listening)
        try:
            if self._socket is not None and filters(before) != filters(self._listening):
                set_filters(self._socket, filters(self._listening))
            if self._throttled is not None:
                self._throttled.want(exact(listening))
        except OSError as failure:
            self._fail(failure)
            self._shut()

    def try_to_open(self) -> bool:
        """Whether there is a new socket now. Costs nothing while it is not yet time to try again."""
        now_ms = self._stamps.now_ms
        if self._socket is not None or now_ms < self._retry_at_ms:
            return False
        try:
            self._socket = self._open_socket(self._listening)
            if self._throttled is not None:
                self._throttled.open()
        except OSError as failure:
            self._shut()
            self._fail(failure)
            self._retry_at_ms = now_ms + self._delay_ms
            self._delay_ms = min(2 * self._delay_ms, _LONGEST_DELAY_MS)
            return False
        self._delay_ms = _FIRST_DELAY_MS
        self._drops = 0
        if self._failed:
            self._recover("is there again")
        return True

    def read(self) -> list[Frame]:
        """What has come since the last time; does not wait. `Stamps.begin` has been called."""
        frames: list[Frame] = []
        if self._socket is None:
            return frames
        descriptor, packets = self._socket.fileno(), self._packets
        count = MOST
        try:
            for _ in range(_MOST_CALLS):
                count = packets.receive(descriptor)
                if count:
                    frames += self._taken(packets, count)
                if count < MOST:
                    break
            if self._throttled is not None:
                frames += self._by_throttle(self._throttled)
        except OSError as failure:
            self._fail(failure)
            if failure.errno != errno.ENETDOWN:
                self._shut()
        self._silence.listen(self._stamps.now_ms, heard=bool(frames))
        return frames

    def close(self) -> None:
        self._shut()

    def _taken(self, packets: Packets, count: int) -> list[Frame]:
        if self._failed:
            self._recover("is up again")
        if packets.timed(count):
            time_of = self._stamps.times(packets.times, count, self._last_ms)
        else:
            time_of = self._stamps.now_for_all(self._last_ms)
        self._last_ms = self.heard_ms = time_of(count - 1)
        self.frames += count
        drops = packets.drops(count)
        if drops is not None:
            self._losses.overrun += (drops - self._drops) & 0xFFFF_FFFF
            self._drops = drops
        return self._reduction.frames(packets, count, self._size, time_of)

    def _by_throttle(self, throttled: Throttle) -> list[Frame]:
        before = throttled.reads
        frames = throttled.read()
        if throttled.reads > before:
            if self._failed:
                self._recover("is up again")
            self.frames += throttled.reads - before
            self.heard_ms = self._stamps.now_ms
        return frames

    def _fail(self, failure: OSError) -> None:
        if not self._failed:
            self._failed = True
            log.warning("bus %s: %s: %s", self.bus, self._channel, failure.strerror or failure)

    def _recover(self, how: str) -> None:
        self._failed = False
        self._losses.recovered += 1
        log.info("bus %s: %s %s", self.bus, self._channel, how)

    def _shut(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._throttled is not None:
            self._throttled.close()


def _rest(listening: Listening, throttled: Throttle | None) -> Listening:
    """What is not for the kernel's throttle."""
    wanted = {} if throttled is None else exact(listening)
    return replace(listening, sampled={key: one for key, one in listening.sampled.items() if key not in wanted})
