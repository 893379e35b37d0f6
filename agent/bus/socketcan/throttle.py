"""Sampled messages by the kernel's broadcast manager (CAN_BCM): only what changed, and not oftener than it is sampled.

For each id the kernel is told which bits are wanted (RX_SETUP with a mask) and how often at most they are to be given
(its throttle); it hands over a message when one of the bits has changed, at once or when the throttle's time is over.
A few in a hundred frames of a real bus are left. What it costs: a sample may be as old as its interval, since a change
may wait in the kernel for so long. So this is for boards that cannot read their buses otherwise (`throttle = true`).
The kernel keeps one frame of an interval, the newest: of a message whose length varies it may be one that is too short
for a wanted signal, and what a whole frame before it said in the same interval is not seen. No database says of a
message that its length varies, so such a message is not left out of the throttle: `docs/vehicle.md` says so.

Of a message that keeps saying the same nothing comes. The kernel says when one falls silent (RX_TIMEOUT after
`SILENCE_MS`) and when it comes back (RX_ANNOUNCE_RESUME); in between the newest frame is handed on again, once per
interval and once a second at least, since it still comes and is as fresh as that.

    message = opcode (u32) flags (u32) count (u32) 4 bytes timeout (2 × i64) throttle (2 × i64) id (u32) frames (u32)
              one struct can_frame
"""

from __future__ import annotations

import socket
import struct

from agent.bus.frame import Frame
from agent.bus.losses import Losses
from agent.bus.socketcan.packets import MOST, Packets, ask_for_times
from agent.bus.socketcan.sockets import make_roomy
from agent.bus.socketcan.stamps import Stamps
from agent.bus.wanted import Ident, Listening, Sampled

SILENCE_MS = 1_500
_RESTATE_MS = 1_000
_EXTENDED_FLAG = 0x8000_0000
_ID_MASK = 0x1FFF_FFFF
_HEAD = struct.Struct("=III4xqqqqII")
_FRAME = struct.Struct("=IB3x8s")
MESSAGE_BYTES = _HEAD.size + _FRAME.size
_SETUP_FLAGS = socket.CAN_BCM_SETTIMER | socket.CAN_BCM_RX_ANNOUNCE_RESUME | socket.CAN_BCM_RX_CHECK_DLC


def exact(listening: Listening) -> dict[Ident, Sampled]:
    """The messages of which the kernel can tell whether they changed: their newest frame is enough, and is classic."""
    return {ident: sampled for ident, sampled in listening.sampled.items() if not sampled.fd and sampled.length <= 8}


class _Alive:
    """A message that the kernel says is on the bus."""

    __slots__ = ("data", "said_ms")

    def __init__(self, data: bytes, said_ms: int) -> None:
        self.data = data
        self.said_ms = said_ms


class Throttle:
    """The throttled messages of one bus."""

    def __init__(self, bus: str, channel: str, wanted: dict[Ident, Sampled], losses: Losses, stamps: Stamps) -> None:
        self.reads = 0
        """Messages that the kernel handed over."""
        self._bus = bus
        self._channel = channel
        self._wanted = wanted
        self._losses = losses
        self._stamps = stamps
        self._packets = Packets(MESSAGE_BYTES)
        self._alive: dict[Ident, _Alive] = {}
        self._socket: socket.socket | None = None
        self._last_ms = 0

    @property
    def descriptor(self) -> int | None:
        return None if self._socket is None else self._socket.fileno()

    def open(self) -> None:
        """Raises OSError."""
        sock = socket.socket(socket.AF_CAN, socket.SOCK_DGRAM, socket.CAN_BCM)
        try:
            make_roomy(sock)
            ask_for_times(sock)
            sock.connect((self._channel,))
            for ident, sampled in self._wanted.items():
                sock.send(_setup(_can_id(ident), sampled))
        except BaseException:
            sock.close()
            raise
        self._socket = sock

    def want(self, wanted: dict[Ident, Sampled]) -> None:
        """These are wanted from now on. Raises OSError."""
        before, self._wanted = self._wanted, wanted
        if self._socket is None:
            return
        for ident in before.keys() - wanted.keys():
            self._socket.send(_HEAD.pack(socket.CAN_BCM_RX_DELETE, 0, 0, 0, 0, 0, 0, _can_id(ident), 0))
            self._alive.pop(ident, None)
        for ident in wanted.keys() - before.keys():
            self._socket.send(_setup(_can_id(ident), wanted[ident]))

    def read(self) -> list[Frame]:
        """What changed, and what still comes; does not wait. `Stamps.begin` has been called. Raises OSError."""
        frames: list[Frame] = []
        count = MOST
        while self._socket is not None and count == MOST:
            count = self._packets.receive(self._socket.fileno())
            if count:
                frames += self._taken(count)
        frames += self._restated()
        return frames

    def close(self) -> None:
        self._alive.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _taken(self, count: int) -> list[Frame]:
        packets = self._packets
        timed = packets.timed(count)
        time_of = (
            self._stamps.times(packets.times, count, self._last_ms)
            if timed
            else self._stamps.now_for_all(self._last_ms)
        )
        frames: list[Frame] = []
        for index in range(count):
            start = index * MESSAGE_BYTES
            opcode, *_, can_id, held = _HEAD.unpack_from(packets.data, start)
            ident = (can_id & _ID_MASK, bool(can_id & _EXTENDED_FLAG))
            if opcode == socket.CAN_BCM_RX_TIMEOUT:
                self._alive.pop(ident, None)
            elif opcode == socket.CAN_BCM_RX_CHANGED and held and ident in self._wanted:
                _, length, data = _FRAME.unpack_from(packets.data, start + _HEAD.size)
                at_ms = self._last_ms = time_of(index)
                data = data[: min(length, 8)]
                self._alive[ident] = _Alive(data, at_ms)
                frames.append(Frame(at_ms, self._bus, *ident, data))
        self.reads += count
        return frames

    def _restated(self) -> list[Frame]:
        now_ms = self._stamps.now_ms
        frames: list[Frame] = []
        for ident, alive in self._alive.items():
            if now_ms - alive.said_ms >= min(self._wanted[ident].interval_ms, _RESTATE_MS):
                alive.said_ms = now_ms
                frames.append(Frame(now_ms, self._bus, *ident, alive.data))
        # They were not read again.
        self._losses.passed_over -= len(frames)
        return frames


def _can_id(ident: Ident) -> int:
    number, extended = ident
    return number | _EXTENDED_FLAG if extended else number


def _setup(can_id: int, sampled: Sampled) -> bytes:
    head = _HEAD.pack(
        socket.CAN_BCM_RX_SETUP,
        _SETUP_FLAGS,
        0,
        *divmod(SILENCE_MS * 1000, 1_000_000),
        *divmod(sampled.interval_ms * 1000, 1_000_000),
        can_id,
        1,
    )
    return head + _FRAME.pack(can_id, 8, sampled.bits.to_bytes(8, "little"))
