"""Diagnostic trouble codes, as the numbers that travel and as people write them (SAE J2012, ISO 15031-6).

A code is three bytes here: two for the code itself, one for the type of the failure, which OBD-II does not tell (0).

    01 33 00        P0133            first two bits: P powertrain, C chassis, B body, U network; then a digit 0 to 3
    C1 00 87        U0100-87         and three hexadecimal ones
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from agent.asking.messages import STATUS_CONFIRMED, STATUS_PENDING, Service
from agent.bus.frame import Frame
from agent.devices.messages import frame_of
from agent.isotp.pids import POSITIVE
from contract.profile.devices import DIAGNOSIS_CODES

_SYSTEMS = "PCBU"


def name_of(code: int) -> str:
    """As people write it: `P0133`, `U0100-87`."""
    high, low, failure = code >> 16 & 0xFF, code >> 8 & 0xFF, code & 0xFF
    name = f"{_SYSTEMS[high >> 6]}{high >> 4 & 3}{high & 0xF:X}{low:02X}"
    return f"{name}-{failure:02X}" if failure else name


class TroubleCodes(msgspec.Struct):
    """Of one computer; None for what it did not tell."""

    stored: frozenset[int] | None = None
    pending: frozenset[int] | None = None
    permanent: frozenset[int] | None = None

    def take(self, answer: bytes) -> bool:
        """Takes an answer to a question of `ask_codes`; False where it is none that can be read."""
        service = answer[0] - POSITIVE if answer else -1
        if service == Service.CODES:
            if len(answer) < 3 or (len(answer) - 3) % 4:
                return False
            records = [answer[at : at + 4] for at in range(3, len(answer), 4)]
            self.stored = frozenset(_code(each[:3]) for each in records if each[3] & STATUS_CONFIRMED)
            self.pending = frozenset(_code(each[:3]) for each in records if each[3] & STATUS_PENDING)
            return True
        if len(answer) < 2 or len(answer) < 2 + 2 * answer[1]:
            return False
        pairs = (answer[at : at + 2] for at in range(2, 2 + 2 * answer[1], 2))
        codes = frozenset(_code(pair + b"\0") for pair in pairs if any(pair))
        if service == Service.STORED_CODES:
            self.stored = codes
        elif service == Service.PENDING_CODES:
            self.pending = codes
        elif service == Service.PERMANENT_CODES:
            self.permanent = codes
        else:
            return False
        return True


class Diagnosis(msgspec.Struct):
    """What all computers tell together."""

    by_computer: dict[str, TroubleCodes] = msgspec.field(default_factory=dict)

    def of(self, computer: str) -> TroubleCodes:
        return self.by_computer.setdefault(computer, TroubleCodes())

    @property
    def codes(self) -> tuple[int, ...]:
        """All that are stored, pending or permanent; stored ones first, each once."""
        computers = self.by_computer.values()
        kinds = [[each.stored for each in computers], [each.pending for each in computers]]
        kinds.append([each.permanent for each in computers])
        return tuple(dict.fromkeys(code for kind in kinds for codes in kind for code in sorted(codes or ())))

    def frame(self, at_ms: int) -> Frame:
        """The device message of it, with the first codes."""
        computers = self.by_computer.values()
        values: dict[str, float | None] = {
            "Stored": _number(each.stored for each in computers),
            "Pending": _number(each.pending for each in computers),
            "Permanent": _number(each.permanent for each in computers),
        }
        values |= {f"Code{number}": code for number, code in enumerate(self.codes[:DIAGNOSIS_CODES], 1)}
        return frame_of(at_ms, "Diagnosis", values)


def _code(record: bytes) -> int:
    return int.from_bytes(record, "big")


def _number(kinds: Iterable[frozenset[int] | None]) -> int | None:
    told = [codes for codes in kinds if codes is not None]
    return sum(map(len, told)) if told else None
