"""What an id of 29 bits says. A message is known by its parameter group; who sent it, to whom and how urgent is in the
id too.

    priority 3   extended page and page 2   format 8   specific 8   source address 8

From format 240 on the specific byte belongs to the group (PDU2); below, it is the address of whom the message is meant
for (PDU1), which makes no other message of it.
"""

from __future__ import annotations

_PDU2 = 0xF0
_GROUP_MASK = 0x03FF_FF00
_ADDRESSED_MASK = 0x03FF_0000


def group_mask(number: int) -> int:
    """The bits of an id that are its parameter group."""
    return _GROUP_MASK if number >> 16 & 0xFF >= _PDU2 else _ADDRESSED_MASK


def group_of(number: int) -> int:
    """The parameter group of an id, where it stands in the id."""
    return number & group_mask(number)


def source_of(number: int) -> int:
    """The address of who sent it."""
    return number & 0xFF
