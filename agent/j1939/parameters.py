"""What a parameter may say (SAE J1939-71)."""

from __future__ import annotations


def largest_valid(length: int) -> int | None:
    """The largest raw value of an unsigned parameter of so many bits that is a value: those above stand for "error",
    "not available" and the like. None where the standard says nothing."""
    if length in (2, 4):
        return {2: 1, 4: 13}[length]
    return (0xFB << (length - 8)) - 1 if length in (8, 16, 24, 32) else None
