"""Sockets of SocketCAN, with the filters that let the kernel keep what nobody wants."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Sequence
from typing import NamedTuple

from agent.bus.socketcan.errors import ALL
from agent.bus.socketcan.packets import ask_for_times
from agent.bus.socketcan.reduction import EXTENDED_FLAG, EXTENDED_MASK, REMOTE_FLAG, STANDARD_MASK
from agent.bus.wanted import Listening

_FILTER = struct.Struct("=II")
_MOST_FILTERS = 512
_SO_RCVBUFFORCE = 33
_CAN_RAW_ERR_FILTER = 2
RECEIVE_BYTES = 4 << 20
"""Room for some 10,000 frames (a full bus for over a second); the kernel's own default holds 278."""


class Filter(NamedTuple):
    """A frame passes if `its id & mask == id & mask`, flags included."""

    id: int
    mask: int


REMOTE = Filter(REMOTE_FLAG, REMOTE_FLAG)


def filters(listening: Listening) -> list[Filter]:
    """One for each id or parameter group that is wanted, and one for remote frames, which are counted.

    The kernel finds an exact filter by its id, at the same cost however many there are.
    """
    exact = [_exact(number, extended) for number, extended in sorted({*listening.each, *listening.sampled})]
    masked = [Filter(number | EXTENDED_FLAG, mask | EXTENDED_FLAG) for number, mask in sorted(listening.masked)]
    return [*exact, *masked, REMOTE]


def _exact(number: int, extended: bool) -> Filter:
    if extended:
        return Filter(number | EXTENDED_FLAG, EXTENDED_MASK | EXTENDED_FLAG | REMOTE_FLAG)
    return Filter(number, STANDARD_MASK | EXTENDED_FLAG | REMOTE_FLAG)


def raw_socket(channel: str, wanted: Sequence[Filter], *, fd: bool) -> socket.socket:
    """A socket that hears the frames that `wanted` lets pass, and error frames. Raises OSError."""
    sock = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
    try:
        make_roomy(sock)
        ask_for_times(sock)
        set_filters(sock, wanted)
        sock.setsockopt(socket.SOL_CAN_RAW, _CAN_RAW_ERR_FILTER, ALL)
        if fd:
            sock.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, 1)
        sock.bind((channel,))
    except BaseException:
        sock.close()
        raise
    return sock


def set_filters(sock: socket.socket, wanted: Sequence[Filter]) -> None:
    """What `wanted` lets pass passes from now on; what it let pass before is not missed. Where there are more filters
    than the kernel takes everything passes. Raises OSError."""
    every = [Filter(0, 0)]
    packed = b"".join(_FILTER.pack(*each) for each in (wanted if len(wanted) <= _MOST_FILTERS else every))
    sock.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FILTER, packed)


def make_roomy(sock: socket.socket) -> None:
    """Beyond the system's limit where that is allowed (CAP_NET_ADMIN)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    with contextlib.suppress(PermissionError):
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BYTES)
