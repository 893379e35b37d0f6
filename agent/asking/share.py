"""The share of the bus that asking may take, questions and answers together.

Bits are counted as the longest frame of its kind has them, with every bit stuffed that may be: so the share is never
more than what was said, and rather less. What is asked is paid for when it is known, which is after the answer; until
it is paid nothing is asked. One long answer may so take more for a moment, and then there is a pause.
"""

from __future__ import annotations

from agent.asking.address import Address
from contract.profile.asking import Ask

USUAL_BITRATE = 500_000
"""Bits per second of the buses that diagnosis uses (ISO 15765-4), where the settings do not tell."""

_FRAME_BYTES = 8
_FIRST_BYTES = 6
_NEXT_BYTES = 7
_SINGLE_BYTES = 7


def frame_bits(extended: bool, data_bytes: int = _FRAME_BYTES) -> int:
    """The longest that a classic frame may be on the bus, the space behind it included."""
    fixed, stuffed = (67, 54) if extended else (47, 34)
    data = 8 * data_bytes
    return fixed + data + (stuffed + data - 1) // 4


def exchange_bits(address: Address, answer_bytes: int) -> int:
    """A question and its answer; 0 bytes for none."""
    frames = 1
    if answer_bytes > _SINGLE_BYTES:
        # First frame, consecutive frames, and our flow control.
        frames += 2 + -(-(answer_bytes - _FIRST_BYTES) // _NEXT_BYTES)
    elif answer_bytes:
        frames += 1
    return frames * frame_bits(address.extended)


def share_of(ask: Ask) -> float:
    """What the questions of a table and their answers take at most of a bus of `USUAL_BITRATE`, if every answer fits
    into one frame and every question is asked by itself."""
    address = Address(*ask.addresses[0])
    asked = (*ask.pids.values(), *ask.dids.values(), *ask.lids.values())
    bits_a_ms = sum(exchange_bits(address, _SINGLE_BYTES) / every for every in asked)
    return 1000 * bits_a_ms / USUAL_BITRATE


class Share:
    """What may be asked on one bus."""

    def __init__(self, bitrate: int, share: float) -> None:
        """`bitrate` in bits per second, `share` of it above 0."""
        self._bits_a_ms = bitrate * share / 1000
        self._most = bitrate * share
        """What a pause saves up: a second's worth."""
        self._left = self._most
        self._at_ms = 0

    def wait_ms(self, now_ms: int) -> int:
        """How long to wait before the next question; 0 when it may be asked now."""
        self._left = min(self._most, self._left + (now_ms - self._at_ms) * self._bits_a_ms)
        self._at_ms = now_ms
        return 0 if self._left >= 0 else -int(self._left // self._bits_a_ms)

    def pay(self, bits: int) -> None:
        self._left -= bits
