"""Addresses of the vehicle's computers: the ids that one is asked on and answers on."""

from __future__ import annotations

from typing import NamedTuple

from contract.profile.asking import LARGEST_SHORT_ID

FUNCTIONAL = 0x7DF
"""All that know OBD-II listen to it; one that answers on 7E8 is spoken to on 7E0 (ISO 15765-4)."""
FUNCTIONAL_EXTENDED = 0x18DB33F1
"""The same with 29 bits; one that answers on 18DAF1xx is spoken to on 18DAxxF1."""


class Address(NamedTuple):
    request: int
    answer: int

    @property
    def extended(self) -> bool:
        """Whether its ids have 29 bits."""
        return self.request > LARGEST_SHORT_ID

    @property
    def functional(self) -> bool:
        """Whether others are asked at the same time."""
        return self.request in (FUNCTIONAL, FUNCTIONAL_EXTENDED)

    @property
    def physical(self) -> int:
        """The id on which this computer alone is spoken to: where flow control goes."""
        if self.request == FUNCTIONAL:
            return self.answer - 8
        if self.request == FUNCTIONAL_EXTENDED:
            return 0x18DA00F1 | (self.answer & 0xFF) << 8
        return self.request
