"""Whether the vehicle is the one that the settings name: its own number, once it is read, against theirs."""

from __future__ import annotations

import logging

from agent.asking import messages
from agent.asking.messages import Service
from agent.isotp.pids import POSITIVE
from contract.topics import is_vin

log = logging.getLogger(__name__)

_BY_SERVICE = bytes([Service.VEHICLE_INFORMATION + POSITIVE, messages.VIN_PID])
_BY_IDENTIFIER = bytes([Service.BY_IDENTIFIER + POSITIVE]) + messages.VIN_IDENTIFIER.to_bytes(2, "big")


class Identity:
    def __init__(self, vin: str) -> None:
        """`vin` is the one of the settings."""
        self._vin = vin
        self.read: str | None = None
        """What the vehicle says; None until it has said a valid number."""
        self.mismatches = 0
        """Times that it was another one."""
        self.unreadable = 0
        """Times that it was none: some computers have blanks or part of it."""

    @property
    def wrong_vehicle(self) -> bool:
        return self.read is not None and self.read != self._vin

    def take(self, answer: bytes) -> None:
        """Takes an answer of the vehicle; one that is about something else changes nothing."""
        if not answer.startswith((_BY_SERVICE, _BY_IDENTIFIER)):
            return
        read = messages.vin_of(answer)
        if not is_vin(read):
            self.unreadable += 1
            log.warning("the vehicle says %r where its identification number should be", read)
            return
        self.read = read
        if self.wrong_vehicle:
            self.mismatches += 1
            log.error(
                "WRONG VEHICLE: this is %s, the settings say %s: what is collected goes to the wrong vehicle's record",
                read,
                self._vin,
            )
