"""Many packets of a socket with one system call: Linux' `recvmmsg`, with the kernel's times and its count of drops.

    packets   one after the other, `size` bytes apart: struct can_frame (16), canfd_frame (72), a BCM message
    control   32 bytes of SO_TIMESTAMPNS (header 16, seconds 8, nanoseconds 8), then, once the kernel has dropped
              something, SO_RXQ_OVFL (header 16, count 4, 4 to fill up)

All of it lies in memory that is made once; what is read is valid until the next `receive`. Python's own `recvmsg` makes
an object of each of these parts and one call of each packet.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct

MOST = 256
"""Packets of one call."""
SO_TIMESTAMPNS = 35
SO_RXQ_OVFL = 40
_MSG_DONTWAIT = 0x40
_CONTROL = 64
_TIMED = 32
_DROPS_AT = 48
_HEADER = struct.Struct("@PIxxxxPNPNixxxxIxxxx")
"""struct mmsghdr of a 64-bit kernel: name and its length, vector and its length, control and its length, flags; the
length of the packet."""
_VECTOR = struct.Struct("@PN")


class Packets:
    """A buffer for the packets of one socket."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._data = ctypes.create_string_buffer(size * MOST)
        self._control = ctypes.create_string_buffer(_CONTROL * MOST)
        self._vectors = ctypes.create_string_buffer(_VECTOR.size * MOST)
        self._headers = ctypes.create_string_buffer(_HEADER.size * MOST)
        data, control, vectors = (ctypes.addressof(each) for each in (self._data, self._control, self._vectors))
        for number in range(MOST):
            _VECTOR.pack_into(self._vectors, number * _VECTOR.size, data + number * size, size)
            _HEADER.pack_into(
                self._headers,
                number * _HEADER.size,
                *(0, 0, vectors + number * _VECTOR.size, 1, control + number * _CONTROL, _CONTROL, 0, 0),
            )
        self._fresh = bytes(self._headers)
        self.data = memoryview(self._data).cast("B")
        self.words = self.data.cast("Q")
        """The packets as 64-bit integers; their size is a multiple of 8."""
        self.times = memoryview(self._control).cast("B").cast("q")
        """Seconds of packet i at 8 * i + 2, nanoseconds behind them."""
        self.header_bytes = memoryview(self._headers).cast("B")
        self._lengths = self.header_bytes.cast("I")
        self._control_lengths = self.header_bytes.cast("Q")
        self._drops = memoryview(self._control).cast("B").cast("I")
        self._recvmmsg = ctypes.CDLL(None, use_errno=True).recvmmsg
        self._used = 0

    def receive(self, descriptor: int) -> int:
        """How many packets came; 0 when there are none. Raises OSError."""
        used = self._used * _HEADER.size
        self.header_bytes[:used] = self._fresh[:used]
        count: int = self._recvmmsg(descriptor, self._headers, MOST, _MSG_DONTWAIT, None)
        if count < 0:
            self._used = 0
            error = ctypes.get_errno()
            if error in (errno.EAGAIN, errno.EINTR):
                return 0
            raise OSError(error, os.strerror(error))
        self._used = count
        return count

    def lengths(self, count: int) -> list[int]:
        """Bytes of each of the first `count` packets."""
        return self._lengths[14 : 14 + 16 * count : 16].tolist()

    def timed(self, count: int) -> bool:
        """Whether the kernel gave the times of the first `count` packets."""
        return min(self._control_lengths[5 : 5 + 8 * count : 8].tolist()) >= _TIMED

    def drops(self, count: int) -> int | None:
        """What the kernel has dropped since the socket was opened, modulo 2³²; None while that is nothing."""
        last = count - 1
        if self._control_lengths[5 + 8 * last] <= _TIMED:
            return None
        return self._drops[(last * _CONTROL + _DROPS_AT) // 4]


def ask_for_times(sock: socket.socket) -> None:
    """Has the kernel tell times and drops."""
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
