"""ISO-TP by the kernel (`CAN_ISOTP`, since Linux 5.10, with the module can-isotp).

A socket for an answer is open only while the answer is awaited: the kernel sends flow control for whatever it hears on
the id, and another tester's answers want none of ours.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Collection

from agent.asking.address import Address
from agent.asking.lines.line import PADDING, SEPARATION_MS, Answer, single_frame
from agent.asking.lines.sockets import drain, open_socket, read_frames, wait

_LEVEL = 106
"""SOL_CAN_ISOTP."""
_OPTIONS, _RECEIVING = 1, 2
"""CAN_ISOTP_OPTS and CAN_ISOTP_RECV_FC."""
_PAD, _BROADCAST = 0x004, 0x800
"""Fill frames up; send single frames to all, and receive nothing."""
_EXTENDED = 0x8000_0000
_LONGEST = 4095


def kernel_has_isotp() -> bool:
    """Whether an ISO-TP socket can be made here."""
    try:
        socket.socket(socket.AF_CAN, socket.SOCK_DGRAM, socket.CAN_ISOTP).close()
    except OSError:
        return False
    return True


class KernelLine:
    def __init__(self, channel: str, addresses: Collection[Address]) -> None:
        """`channel` is the name of a SocketCAN interface. Raises OSError."""
        self._channel = channel
        self._awaited: dict[int, socket.socket] = {}
        """By the id of the answer."""
        self._requests = {(each.request, each.extended) for each in addresses} | {
            (each.physical, each.extended) for each in addresses
        }
        answers = {(each.answer, each.extended) for each in addresses}
        self._ours: set[bytes] = set()
        """Frames that we have sent on the ids of requests."""
        self._testers = open_socket(channel, self._requests)
        try:
            self._others = open_socket(channel, self._requests | answers, inverted=True)
        except OSError:
            self._testers.close()
            raise

    def ask(self, address: Address, question: bytes) -> None:
        self._ours.add(single_frame(question))
        self.rest(address)
        flags = _EXTENDED if address.extended else 0
        awaiting = self._awaited[address.answer] = _open(
            self._channel, address.answer | flags, address.physical | flags
        )
        if not address.functional:
            awaiting.send(question)
            return
        to_all = _open(self._channel, 0, address.request | flags, _BROADCAST)
        try:
            to_all.send(question)
        finally:
            to_all.close()

    def rest(self, address: Address) -> None:
        awaited = self._awaited.pop(address.answer, None)
        if awaited is not None:
            awaited.close()

    def answers(self, wait_s: float) -> list[Answer]:
        wait([*self._awaited.values(), self._testers], wait_s)
        found: list[Answer] = []
        for number, awaited in self._awaited.items():
            try:
                found.append(Answer(number, awaited.recv(_LONGEST)))
            except BlockingIOError:
                continue
            except OSError as failure:
                # What the kernel says of an answer that broke off or is out of sequence: as if there were none.
                if failure.errno not in (errno.ETIMEDOUT, errno.EILSEQ, errno.EBADMSG, errno.ECOMM):
                    raise
        return found

    def others_spoke(self) -> bool:
        return drain(self._others)

    def tester_spoke(self) -> bool:
        # Flow control is the kernel's own, or a tester's whose question was heard before.
        heard = {frame.data for frame in read_frames(self._testers) if frame.data and frame.data[0] >> 4 != 3}
        return bool(heard - self._ours)

    def close(self) -> None:
        for awaited in self._awaited.values():
            awaited.close()
        self._awaited.clear()
        self._testers.close()
        self._others.close()


def _open(channel: str, answer: int, request: int, flags: int = 0) -> socket.socket:
    opened = socket.socket(socket.AF_CAN, socket.SOCK_DGRAM, socket.CAN_ISOTP)
    try:
        options = struct.pack("=IIBBBB", _PAD | flags, 0, 0, PADDING, PADDING, 0)
        opened.setsockopt(_LEVEL, _OPTIONS, options)
        opened.setsockopt(_LEVEL, _RECEIVING, struct.pack("=BBB", 0, SEPARATION_MS, 0))
        opened.bind((channel, answer, request))
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return opened
