"""The parts of remote control, made and connected. Nothing that transmits is opened yet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from agent.asking.address import Address
from agent.asking.lines.line import Line
from agent.asking.lines.opening import open_line, open_wire
from agent.bus.interface import Interface
from agent.plan.plan import Plan
from agent.remote.executed import Executed
from agent.remote.programs import KeptPrograms
from agent.remote.remote import Remote
from agent.remote.saying import Saying
from agent.remote.tracking import KeptTracking
from agent.remote.transmitting import Transmitter
from agent.sampling.sampler import Sampler
from agent.settings.agent import Settings
from agent.settings.bus import BusSettings
from contract.upload import Privacy

if TYPE_CHECKING:
    from agent.asking.lines.library import Wire

EXECUTED, PROGRAMS, TRACKING = "executed", "programs", "tracking"
"""Files below the vehicle's state."""


class Opening:
    """The buses of the settings, as the transmitter opens them."""

    def __init__(self, buses: dict[str, BusSettings], interfaces: Iterable[Interface]) -> None:
        self._buses = buses
        self._interfaces = {interface.bus: interface for interface in interfaces}

    def wire(self, bus: str, ids: Collection[tuple[int, bool]]) -> Wire:
        return open_wire(self._given(bus), self._interfaces.get(bus), ids)

    def line(self, bus: str, address: Address) -> Line:
        return open_line(self._given(bus), self._interfaces.get(bus), [address])

    def _given(self, bus: str) -> BusSettings:
        if bus not in self._buses:
            raise OSError(f"the settings give no interface for bus {bus}")
        return self._buses[bus]


def make(
    settings: Settings,
    folder: Path,
    plan: Plan,
    interfaces: Iterable[Interface],
    sampler: Sampler,
    privacy: Callable[[], Privacy],
    monotonic_ms: Callable[[], int],
    utc_ms: Callable[[], int | None],
) -> Remote:
    chosen = settings.remote
    programs = KeptPrograms(folder / PROGRAMS, UTC if chosen.time_zone == "UTC" else ZoneInfo(chosen.time_zone))
    listed = {message.bus for message in plan.messages if message.device}
    return Remote(
        plan.remote,
        chosen.allow,
        sampler,
        Executed(folder / EXECUTED),
        Transmitter(Opening(settings.buses, interfaces)),
        programs,
        Saying(programs.frames, listed, monotonic_ms),
        KeptTracking(folder / TRACKING, plan.cadences_ms, sampler.upload_every),
        privacy=privacy,
        monotonic_ms=monotonic_ms,
        utc_ms=utc_ms,
    )
