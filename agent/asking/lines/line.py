"""The port: what the asker needs of a bus."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from agent.asking.address import Address

PADDING = 0x55
"""What fills a frame up to 8 bytes, as OBD-II wants it: many changes of level, so that few bits are stuffed."""
SEPARATION_MS = 1
"""How far apart we want the frames of an answer (STmin)."""
SINGLE_BYTES = 7
"""What one frame carries."""


class Answer(NamedTuple):
    number: int
    """The id that it came on."""
    message: bytes


class Line(Protocol):
    """A bus, for questions of one frame. It sends nothing but these, and flow control while an answer is awaited: what
    another tester is answered is none of its business."""

    def ask(self, address: Address, question: bytes) -> None:
        """Asks, and awaits the answer from then on. Raises OSError."""

    def rest(self, address: Address) -> None:
        """The answer has come, or is not awaited any more."""

    def answers(self, wait_s: float) -> list[Answer]:
        """What has come of answers that are awaited; waits up to `wait_s` for something to happen. Raises OSError."""

    def others_spoke(self) -> bool:
        """Whether anybody has been on the bus since the last call but the computers that are asked. Raises OSError."""

    def tester_spoke(self) -> bool:
        """Whether since the last call somebody else has asked one of these computers."""

    def close(self) -> None: ...


def single_frame(question: bytes) -> bytes:
    """A question as it is on the bus. Raises ValueError for one that needs more than a frame."""
    if not 0 < len(question) <= SINGLE_BYTES:
        raise ValueError(f"a question has 1 to {SINGLE_BYTES} bytes, found {len(question)}")
    return (bytes([len(question)]) + question).ljust(8, bytes([PADDING]))
