"""The TCP connection below MQTT: what it is asked for, and what went over it.

A line that is dead is noticed by what is not acknowledged (TCP_USER_TIMEOUT), not after the quarter of an hour that the
kernel would try. Probes of an idle line (SO_KEEPALIVE) are not asked for: MQTT has its own.

Where this end's address is taken away, as when a modem gets a new context of packet data, nobody tells the connection:
its packets go nowhere, and on an idle line that would show after a minute and a half. So it is looked at.

BBR is asked for because it goes by what arrives: loss, which is the weather of a radio link, does not slow it down as
it does CUBIC. Where the kernel has no BBR, or does not let us, it stays as it is.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

import msgspec

_CONGESTION = b"bbr"
_LOOK_EVERY_S = 1.0
_INFO_BYTES = 256
# `struct tcp_info` of linux/tcp.h, since Linux 4.19.
_RECEIVED_SEGMENTS = struct.Struct("=QQII")
_RECEIVED_SEGMENTS_AT = 120
_SENT = struct.Struct("=Q")
_SENT_AT = 200
_HEADERS = {socket.AF_INET: 20 + 32, socket.AF_INET6: 40 + 32}
"""IP and TCP with timestamps, of each segment."""


class Traffic(msgspec.Struct, frozen=True):
    """Bytes of IP packets since the connection began, as the kernel counts them."""

    up: int = 0
    down: int = 0
    arrived: int = 0
    """Of what was sent, payload of TCP that the other side has acknowledged."""


def prepare(line: socket.socket, dead_after_s: float) -> None:
    """Of a connection that is up."""
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(dead_after_s * 1000))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(OSError):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, _CONGESTION)


class Watch:
    """Of one connection. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._looked_s = clock()

    def lost_address(self, line: socket.socket) -> str | None:
        """This end's, where the machine has it no more; None while it has, and where it was looked at just now."""
        now_s = self._clock()
        if now_s - self._looked_s < _LOOK_EVERY_S:
            return None
        self._looked_s = now_s
        try:
            own = line.getsockname()
            with socket.socket(line.family, socket.SOCK_DGRAM) as probe:
                probe.bind((own[0], 0, *own[2:]))
        except OSError as error:
            return str(own[0]) if error.errno == errno.EADDRNOTAVAIL else None
        return None


def error_of(line: socket.socket) -> str | None:
    """Why the kernel gave it up, said once: TLS does not tell. None where it did not."""
    error = line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return os.strerror(error) if error else None


def traffic(line: socket.socket) -> Traffic:
    """What went over it so far; repeats and acknowledgements are in it."""
    try:
        info = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
        acknowledged, received, segments_out, segments_in = _RECEIVED_SEGMENTS.unpack_from(info, _RECEIVED_SEGMENTS_AT)
        (sent,) = _SENT.unpack_from(info, _SENT_AT)
    except (OSError, struct.error):  # Closed, or a kernel that counts less.
        return Traffic()
    header = _HEADERS.get(line.family, 0)
    return Traffic(sent + segments_out * header, received + segments_in * header, acknowledged)
