"""What a modem's answers mean (3GPP TS 27.007): signal, registration, operator. Functions of text.

What is not known (99, 255, an empty field), not understood or out of the standard's range is None, never a number.
The levels are in steps; the lower edge of the step is what is given.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from contract.profile.devices import REGISTRATIONS, TECHNOLOGIES

HOME, ROAMING = 1, 5


class Signal(NamedTuple):
    dbm: int | None = None
    quality_db: float | None = None


class Registration(NamedTuple):
    status: int | None = None
    """A key of `REGISTRATIONS`."""
    technology: int | None = None
    """A key of `TECHNOLOGIES`."""

    @property
    def registered(self) -> bool:
        return self.status in (HOME, ROAMING)


NO_SIGNAL = Signal()
UNREGISTERED = Registration()


def signal_of_csq(answer: str) -> Signal:
    """`+CSQ: <rssi>,<ber>`: 0 to 31 in steps of 2 dB from -113 dBm."""
    rssi = _number(answer, 0, 31)
    return Signal(None if rssi is None else -113 + 2 * rssi)


def signal_of_cesq(answer: str) -> Signal:
    """`+CESQ: <rxlev>,<ber>,<rscp>,<ecno>,<rsrq>,<rsrp>[,<ss_rsrq>,<ss_rsrp>,<ss_sinr>]`, of the newest technology."""
    nr, lte, umts, gsm = (_number(answer, place, largest) for place, largest in ((7, 126), (5, 97), (2, 96), (0, 63)))
    if nr is not None:
        return Signal(-157 + nr, _half(_number(answer, 6, 126), -43.5))
    if lte is not None:
        return Signal(-141 + lte, _half(_number(answer, 4, 34), -20.0))
    if umts is not None:
        return Signal(-121 + umts, _half(_number(answer, 3, 49), -24.5))
    return Signal(None if gsm is None else -111 + gsm)


def is_registration(answer: str) -> bool:
    """Whether `+CREG: …` answers a question: `<n>,<stat>[,"<tac>","<ci>",<AcT>]`. What the modem says by itself has no
    `<n>`, so its second field is none or in quotation marks."""
    return re.match(r"\d+, ?\d+(,|$)", answer) is not None


def registration_of(answer: str) -> Registration:
    """Of `+CREG`, `+CEREG` or `+C5GREG`, as `is_registration` accepts them."""
    status, technology = _number(answer, 1, max(REGISTRATIONS)), _number(answer, 4, max(TECHNOLOGIES))
    return Registration(status, technology)


def operator_of(answer: str) -> tuple[int | None, int | None]:
    """`+COPS: <mode>,2,"<digits>",<AcT>`: the digits of country and network as one number, and the technology."""
    match = re.fullmatch(r'\d,2,"(\d{5,6})"(?:,(\d+))?.*', answer)
    if match is None:
        return None, None
    technology = int(match[2]) if match[2] else None
    return int(match[1]), technology if technology in TECHNOLOGIES else None


def _number(answer: str, place: int, largest: int) -> int | None:
    fields = answer.split(",")
    text = fields[place].strip() if place < len(fields) else ""
    if not (text.isascii() and text.isdigit()) or int(text) > largest:
        return None
    return int(text)


def _half(steps: int | None, from_db: float) -> float | None:
    return None if steps is None else from_db + steps / 2
