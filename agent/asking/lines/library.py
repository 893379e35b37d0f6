"""ISO-TP by the library `can-isotp`, on any bus: for kernels without it, and for adapters that python-can opens.

The library is imported here and nowhere else, so an agent that asks nothing does not load it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from typing import Protocol

import isotp

from agent.asking.address import Address
from agent.asking.lines.line import PADDING, SEPARATION_MS, Answer, single_frame
from agent.bus.frame import Frame

log = logging.getLogger(__name__)
# Broken answers are counted where they are awaited; the library's own words about each would fill the log.
logging.getLogger("isotp").setLevel(logging.ERROR)

_STEP_S = 0.02
"""How long the library is not asked whether something is due, while it waits for frames."""


class Wire(Protocol):
    """Single frames of the ids in question."""

    def send(self, number: int, extended: bool, data: bytes) -> None: ...

    def receive(self, wait_s: float) -> list[Frame]: ...

    def others_spoke(self) -> bool: ...

    def close(self) -> None: ...


class LibraryLine:
    def __init__(self, wire: Wire, addresses: Collection[Address]) -> None:
        self._wire = wire
        self._requests = {(each.request, each.extended) for each in addresses} | {
            (each.physical, each.extended) for each in addresses
        }
        self._awaited: dict[int, _Receiver] = {}
        """By the id of the answer."""
        self._tester = False

    def ask(self, address: Address, question: bytes) -> None:
        frame = single_frame(question)
        self._awaited[address.answer] = _Receiver(self._wire, address)
        self._wire.send(address.request, address.extended, frame)

    def rest(self, address: Address) -> None:
        self._awaited.pop(address.answer, None)

    def answers(self, wait_s: float) -> list[Answer]:
        until_s = time.monotonic() + wait_s
        while True:
            left_s = until_s - time.monotonic()
            found = self._look(max(0.0, min(left_s, _STEP_S) if self._awaited else left_s))
            if found or left_s <= 0:
                return found

    def others_spoke(self) -> bool:
        return self._wire.others_spoke()

    def tester_spoke(self) -> bool:
        spoke, self._tester = self._tester, False
        return spoke

    def close(self) -> None:
        self._awaited.clear()
        self._wire.close()

    def _look(self, wait_s: float) -> list[Answer]:
        for frame in self._wire.receive(wait_s):
            if (frame.id, frame.extended) in self._requests:
                self._tester = True
            elif frame.id in self._awaited:
                self._awaited[frame.id].frames.append(frame)
        found: list[Answer] = []
        for number, receiver in list(self._awaited.items()):
            found += [Answer(number, message) for message in receiver.take()]
        return found


class _Receiver:
    """What comes from one computer, and the flow control that it is sent."""

    def __init__(self, wire: Wire, address: Address) -> None:
        self.frames: list[Frame] = []
        self._wire = wire
        self._extended = address.extended
        mode = isotp.AddressingMode.Normal_29bits if address.extended else isotp.AddressingMode.Normal_11bits
        self._layer = isotp.TransportLayerLogic(
            rxfn=self._receive,
            txfn=self._send,
            address=isotp.Address(mode, txid=address.physical, rxid=address.answer),
            error_handler=_tell,
            params={"stmin": SEPARATION_MS, "blocksize": 0, "tx_padding": PADDING, "blocking_send": False},
        )

    def take(self) -> list[bytes]:
        messages: list[bytes] = []
        self._layer.process(rx_timeout=0)
        while (message := self._layer.recv()) is not None:
            messages.append(bytes(message))
        return messages

    def _receive(self, _timeout: float) -> isotp.CanMessage | None:
        if not self.frames:
            return None
        frame = self.frames.pop(0)
        return isotp.CanMessage(arbitration_id=frame.id, data=frame.data, extended_id=frame.extended)

    def _send(self, message: isotp.CanMessage) -> None:
        self._wire.send(message.arbitration_id, self._extended, bytes(message.data))


def _tell(error: Exception) -> None:
    log.debug("an answer is broken: %s", error)
