"""Checksums and counters: whether a frame is whole and new.

A frame that fails is left out and counted; the values of the frame before it stay, until they are too old. A counter
fails where it stands still, which a repeated or stuck frame does; one that skips shows that frames were lost, and the
frame that came is as good as any.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.decode import raw_decoder
from agent.layouts import MessageLayout

Check = Callable[[bytes], bool]
_J1850_POLYNOMIAL = 0x1D


def _table(polynomial: int) -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte << 1 ^ polynomial if byte & 0x80 else byte << 1) & 0xFF
        table.append(byte)
    return tuple(table)


_J1850 = _table(_J1850_POLYNOMIAL)


def crc8_j1850(position: int, initial: int, final_xor: int) -> Check:
    """SAE J1850's CRC-8 over all bytes but the one at `position`, which holds it."""

    def check(data: bytes) -> bool:
        if len(data) <= position:
            return False
        crc = initial
        for byte in data[:position]:
            crc = _J1850[crc ^ byte]
        for byte in data[position + 1 :]:
            crc = _J1850[crc ^ byte]
        return crc ^ final_xor == data[position]

    return check


def counter_of(message: MessageLayout, signal: str) -> Callable[[bytes], int | None]:
    """The counter of a payload; None where the payload ends before it."""
    decode = raw_decoder(message, [signal])
    return lambda data: decode(data)[0]
