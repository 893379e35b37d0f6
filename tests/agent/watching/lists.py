"""Watch lists as the cloud sends them."""

from __future__ import annotations

from contract.command import Command, Watching, encode_command
from contract.signing import key_id, public_key
from contract.watching import Condition, Operator, WatchList, encode_list
from contract.wire import digest

VIN = "VR3CANL1FT0000001"
OURS, THEIRS = bytes([1] * 32), bytes([2] * 32)
KEYS = {key_id(public_key(OURS)): public_key(OURS)}
NEVER_MS = 8_000_000_000_000
FAST = Condition(Operator.ABOVE, ("kinetic.speed",), (50,), 2)
LOCKS = Condition(Operator.CHANGED, ("doorsState.locked*",))


def document(number: int, *conditions: Condition) -> bytes:
    return encode_list(WatchList(number, conditions))


def signed(body: bytes, *, key: bytes = OURS, vin: str = VIN) -> bytes:
    return encode_command(Command(digest(body) * 2, vin, NEVER_MS, Watching(body)), key)
