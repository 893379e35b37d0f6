"""Questions and answers of OBD-II (SAE J1979), UDS (ISO 14229-1) and KWP2000 (ISO 14230-3), as payloads of ISO-TP.

01 0C 0D            values of PIDs 0C and 0D               41 0C 1A F8 0D 28
09 02               vehicle identification number          49 02 01 "VF3…"
03 / 07 / 0A        stored / pending / permanent codes     43 02 01 33 C1 00
21 01               value of the local identifier 01       61 01 FF FF F3 CC …
22 D4 10            value of the identifier D410           62 D4 10 80 00
19 02 0C            codes with one of these status bits    59 02 FF 01 33 00 08 …
any                 no                                     7F service reason
"""

from __future__ import annotations

from enum import IntEnum

from agent.isotp.pids import POSITIVE, apart

NEGATIVE = 0x7F


class Service(IntEnum):
    CURRENT_DATA = 0x01
    STORED_CODES = 0x03
    PENDING_CODES = 0x07
    VEHICLE_INFORMATION = 0x09
    PERMANENT_CODES = 0x0A
    CODES = 0x19
    BY_LOCAL_IDENTIFIER = 0x21
    BY_IDENTIFIER = 0x22


class Refusal(IntEnum):
    """Reasons of a negative answer that call for something else than asking again later."""

    SERVICE_NOT_SUPPORTED = 0x11
    SUB_FUNCTION_NOT_SUPPORTED = 0x12
    WRONG_LENGTH = 0x13
    BUSY = 0x21
    OUT_OF_RANGE = 0x31
    SECURITY_ACCESS_DENIED = 0x33
    PENDING = 0x78
    SUB_FUNCTION_NOT_IN_THIS_SESSION = 0x7E
    SERVICE_NOT_IN_THIS_SESSION = 0x7F


FOR_GOOD = frozenset(Refusal) - {Refusal.BUSY, Refusal.PENDING}
"""What is refused for one of these reasons is refused the next time too."""

_ECHOED = {
    Service.CURRENT_DATA: 0,
    Service.VEHICLE_INFORMATION: 1,
    Service.CODES: 1,
    Service.BY_LOCAL_IDENTIFIER: 1,
    Service.BY_IDENTIFIER: 2,
}
"""How many bytes after the service an answer repeats of its question; PIDs may come in any order."""

VIN_PID = 0x02
VIN_IDENTIFIER = 0xF190
STATUS_PENDING, STATUS_CONFIRMED = 0x04, 0x08
"""Bits of the status of a UDS code."""
_BY_STATUS_MASK = 0x02


def ask_pids(*pids: int) -> bytes:
    """The question for the values of up to six PIDs."""
    return bytes([Service.CURRENT_DATA, *pids])


def ask_identifier(identifier: int) -> bytes:
    return bytes([Service.BY_IDENTIFIER]) + identifier.to_bytes(2, "big")


def ask_local_identifier(identifier: int) -> bytes:
    return bytes([Service.BY_LOCAL_IDENTIFIER, identifier])


def ask_vin(protocol: str) -> bytes:
    """`protocol`: obd or uds."""
    return ask_identifier(VIN_IDENTIFIER) if protocol == "uds" else bytes([Service.VEHICLE_INFORMATION, VIN_PID])


def ask_codes(protocol: str) -> tuple[bytes, ...]:
    """The questions that together tell all trouble codes."""
    if protocol == "uds":
        return (bytes([Service.CODES, _BY_STATUS_MASK, STATUS_PENDING | STATUS_CONFIRMED]),)
    return tuple(bytes([each]) for each in (Service.STORED_CODES, Service.PENDING_CODES, Service.PERMANENT_CODES))


def refusal(question: bytes, answer: bytes) -> int | None:
    """Why the question is refused; None for an answer that is none or another one's refusal."""
    if len(answer) >= 3 and answer[0] == NEGATIVE and answer[1] == question[0]:
        return answer[2]
    return None


def answers(question: bytes, answer: bytes) -> bool:
    """Whether an answer is the positive one to a question."""
    if not answer or answer[0] != question[0] + POSITIVE:
        return False
    if question[0] == Service.CURRENT_DATA:
        return len(answer) > 2 and answer[1] in question[1:]
    echoed = 1 + _ECHOED.get(Service(question[0]), 0)
    return answer[1:echoed] == question[1:echoed] and len(answer) >= echoed


def answered_pids(answer: bytes) -> frozenset[int]:
    """The PIDs of which an answer gives the value."""
    return frozenset(each[1] for each in apart(answer))


def supported_pids(answer: bytes) -> frozenset[int]:
    """From the answer to PID 00, 20, 40 …: which of the 32 that follow there are."""
    base, bits = answer[1], int.from_bytes(answer[2:6].ljust(4, b"\0"), "big")
    return frozenset(base + number for number in range(1, 33) if bits >> (32 - number) & 1)


def vin_of(answer: bytes) -> str:
    """The number in an answer to `ask_vin`, without the zeros or blanks that fill it up; it need not be a valid one."""
    text = answer[3:]
    return bytes(byte for byte in text if byte not in b"\0 \xff").decode("ascii", "replace")
