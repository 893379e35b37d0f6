"""[ask]: what to ask the vehicle's computers where the bus does not say it by itself."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Literal

import msgspec

from contract.configuration import Duration, Keys, nearest

LARGEST_ID = 0x1FFF_FFFF
LARGEST_SHORT_ID = 0x7FF
"""A greater id has 29 bits."""
_SHORTEST_MS = 100
_BYTE = re.compile(r"[0-9A-F]{2}")
_DID = re.compile(r"[0-9A-F]{4}")


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one computer of the vehicle is asked. It is asked only where `agent.toml` allows it."""

    request: int
    """The id that it is asked on; 0x7DF and 0x18DB33F1 ask all that know OBD-II."""
    answer: int
    """The id that it answers on. The message of this id describes the answers, as whole ISO-TP messages."""
    bus: str | None = None
    """May be left out where the profile has one bus."""
    otherwise: tuple[tuple[int, int], ...] = ()
    """Other pairs of request and answer, tried in turn while nobody answers: `[0x18DA10F1, 0x18DAF110]`. The message
    describes these answers too."""
    pids: dict[str, Duration] = {}
    """PIDs of OBD-II service 01 (two hexadecimal digits), with how often. Only those that it has are asked for."""
    dids: dict[str, Duration] = {}
    """Identifiers of UDS service 22 (four hexadecimal digits), with how often."""
    lids: dict[str, Duration] = {}
    """Local identifiers of KWP2000 service 21 (two hexadecimal digits), with how often."""
    vin: Literal["obd", "uds"] | None = None
    """Ask for the identification number once each time that the vehicle wakes: by service 09, or by identifier F190."""
    faults: Literal["obd", "uds"] | None = None
    """Ask for trouble codes: by services 03, 07 and 0A, or by service 19."""
    faults_every: Duration = Duration(600_000)

    @property
    def addresses(self) -> tuple[tuple[int, int], ...]:
        """Request and answer, in the order in which they are tried."""
        return ((self.request, self.answer), *self.otherwise)

    def bus_of(self, buses: Collection[str]) -> str:
        """The bus that it is asked on, of those of the profile."""
        return self.bus if self.bus is not None else next(iter(buses))


def ask_contradictions(asks: Mapping[str, Ask], buses: Collection[str]) -> Iterator[tuple[Keys, str]]:
    """What is wrong with the tables, with its place in the profile."""
    taken: dict[tuple[str | None, int], str] = {}
    for name, ask in asks.items():
        yield from _contradictions(name, ask, buses)
        for answer in {answer for _, answer in ask.addresses}:
            other = taken.setdefault((ask.bus, answer), name)
            if other != name:
                # Two conversations with one computer would take each other's answers for their own.
                yield ("ask", name, "answer"), f"{other} is answered on {answer:#x} too: put both into one table"


def _contradictions(name: str, ask: Ask, buses: Collection[str]) -> Iterator[tuple[Keys, str]]:
    keys: Keys = ("ask", name)
    if ask.bus is None and len(buses) > 1:
        yield keys, f"bus is missing: one of {', '.join(buses)}"
    if ask.bus is not None and ask.bus not in buses:
        yield (*keys, "bus"), f"there is no bus {ask.bus}{nearest(ask.bus, buses)}"
    for request, answer in ask.addresses:
        for number in (request, answer):
            if not 0 <= number <= LARGEST_ID:
                yield keys, f"{number:#x} is no id: expected 0 to {LARGEST_ID:#x}"
        if request == answer:
            yield keys, f"request and answer have the same id {request:#x}"
        if (request > LARGEST_SHORT_ID) != (answer > LARGEST_SHORT_ID):
            yield keys, f"request {request:#x} and answer {answer:#x}: both have 11 bits or both have 29"
    for kind, asked, form in (("pids", ask.pids, _BYTE), ("dids", ask.dids, _DID), ("lids", ask.lids, _BYTE)):
        for number_text, every in asked.items():
            if not form.fullmatch(number_text):
                digits = 4 if kind == "dids" else 2
                yield (*keys, kind, number_text), f"expected {digits} hexadecimal digits in capitals"
            elif every < _SHORTEST_MS:
                yield (*keys, kind, number_text), f"expected {_SHORTEST_MS} ms or more, found {every}"
    if ask.faults_every < 10_000:
        yield (*keys, "faults_every"), f"expected 10 s or more, found {ask.faults_every}"
    if not (ask.pids or ask.dids or ask.lids or ask.vin or ask.faults):
        yield keys, "asks for nothing: give pids, dids, lids, vin or faults"
