"""SocketCAN, as a line uses it: a socket that hears and sends on the ids in question, and one that hears whether
anybody else is there.

The second one is never read in time: its buffer holds the first few frames of others, and the kernel drops what
follows. That somebody spoke is all that it tells, and it costs next to nothing on a full bus.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Collection, Sequence

from agent.bus.frame import Frame

_FRAME = struct.Struct("=IB3x8s")
_FRAME_BYTES = _FRAME.size
_FD_FRAME_BYTES = 72
_EXTENDED = 0x8000_0000
_REMOTE = 0x4000_0000
_ERROR = 0x2000_0000
_SHORT_MASK, _LONG_MASK = 0x7FF, 0x1FFF_FFFF
_INVERTED = 0x2000_0000
_JOIN_FILTERS = 6
_MOST_FRAMES = 64
_SMALLEST_BUFFER = 2304

Id = tuple[int, bool]


def _filters(ids: Collection[Id], inverted: bool) -> bytes:
    """`struct can_filter` of each id: data frames of exactly this id, or all others."""
    packed = b""
    for number, extended in sorted(ids):
        flags = _EXTENDED if extended else 0
        mask = (_LONG_MASK if extended else _SHORT_MASK) | _EXTENDED | _REMOTE
        packed += struct.pack("=II", number | flags | (_INVERTED if inverted else 0), mask)
    return packed


def open_socket(channel: str, ids: Collection[Id], inverted: bool = False) -> socket.socket:
    """A raw socket that hears these ids, or all but these. It does not block. Raises OSError."""
    opened = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
    try:
        opened.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FILTER, _filters(ids, inverted))
        if inverted:
            opened.setsockopt(socket.SOL_CAN_RAW, _JOIN_FILTERS, 1)
            opened.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, 1)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALLEST_BUFFER)
        opened.bind((channel,))
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return opened


def read_frames(opened: socket.socket) -> list[Frame]:
    """What has come, without times and bus. Raises OSError but for want of frames."""
    frames: list[Frame] = []
    while len(frames) < _MOST_FRAMES:
        try:
            packed = opened.recv(_FD_FRAME_BYTES)
        except BlockingIOError:
            break
        number, length, data = _FRAME.unpack(packed[:_FRAME_BYTES])
        if not number & (_ERROR | _REMOTE) and len(packed) == _FRAME_BYTES:
            extended = bool(number & _EXTENDED)
            mask = _LONG_MASK if extended else _SHORT_MASK
            frames.append(Frame(0, "", number & mask, extended, data[:length]))
    return frames


def drain(opened: socket.socket) -> bool:
    """Whether anything had come; it is gone. Raises OSError."""
    heard = False
    for _ in range(_MOST_FRAMES):
        try:
            heard = bool(opened.recv(_FD_FRAME_BYTES)) or heard
        except BlockingIOError:
            break
    return heard


def wait(sockets: Sequence[socket.socket], wait_s: float) -> None:
    """Until one of them has something, or `wait_s` is over."""
    poll = select.poll()
    for opened in sockets:
        poll.register(opened, select.POLLIN)
    poll.poll(wait_s * 1000)


class SocketWire:
    """The frames of some ids of a SocketCAN interface."""

    def __init__(self, channel: str, ids: Collection[Id]) -> None:
        """Raises OSError."""
        self._socket = open_socket(channel, ids)
        try:
            self._others = open_socket(channel, ids, inverted=True)
        except OSError:
            self._socket.close()
            raise

    def send(self, number: int, extended: bool, data: bytes) -> None:
        """Raises OSError."""
        flags = _EXTENDED if extended else 0
        self._socket.send(_FRAME.pack(number | flags, len(data), data.ljust(8, b"\0")))

    def receive(self, wait_s: float) -> list[Frame]:
        """Raises OSError."""
        if wait_s:
            wait([self._socket], wait_s)
        return read_frames(self._socket)

    def others_spoke(self) -> bool:
        return drain(self._others)

    def close(self) -> None:
        self._socket.close()
        self._others.close()
