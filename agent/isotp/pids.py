"""Answers to several questions at once: one message of OBD-II service 01 holds the values of up to six PIDs.

    41 0C 1A F8 0D 28 05 7B        engine speed, vehicle speed, coolant temperature

How long a PID's value is, no answer says: SAE J1979 (ISO 15031-5) does. A database describes the answer to each PID by
itself, so such a message is taken apart into what the answers would have been one by one. One that holds an unknown PID
from where it is looked for, or that ends within a value, is left whole: what its first PID says is still right.
"""

from __future__ import annotations

POSITIVE = 0x40
"""What the answer's service has above the question's."""
SERVICE_CURRENT_DATA = 0x01

_BY_LENGTH = {
    1: "04 05 0A 0B 0D 0E 0F 11 12 13 1C 1D 1E 2C 2D 2E 2F 30 33 45 46 47 48 49 4A 4B 4C 51 52 5A 5B 5C 5F 61 62 8E",
    2: "02 03 0C 10 14 15 16 17 18 19 1A 1B 1F 21 22 23 31 32 3C 3D 3E 3F 42 43 44 4D 4E 53 54 59 5D 5E 63 A2",
    4: "00 01 20 24 25 26 27 28 29 2A 2B 34 35 36 37 38 39 3A 3B 40 41 4F 50 60 80 A0 A6 C0",
    5: "64",
}
LENGTHS = {pid: length for length, pids in _BY_LENGTH.items() for pid in bytes.fromhex(pids)}
"""Bytes of the value of each PID of service 01 that may be asked for together with others. Of some (the fuel trims, 06
to 09 and 55 to 58) the length depends on the vehicle: they are asked for alone."""


def apart(message: bytes, with_length: bool = False) -> list[bytes]:
    """The answers in a message, as if each had come by itself; the message itself where it holds one only.

    `with_length` puts a byte of its length before each.
    """
    answers = _apart(message)
    return [bytes([len(answer) & 0xFF]) + answer for answer in answers] if with_length else answers


def _apart(message: bytes) -> list[bytes]:
    if len(message) < 3 or message[0] != POSITIVE + SERVICE_CURRENT_DATA:
        return [message]
    first = LENGTHS.get(message[1])
    if first is None or len(message) <= 2 + first:
        return [message]
    answers: list[bytes] = []
    at = 1
    while at < len(message):
        length = LENGTHS.get(message[at])
        if length is None or at + 1 + length > len(message):
            return [message]
        answers.append(message[:1] + message[at : at + 1 + length])
        at += 1 + length
    return answers
