"""The buses of a live run: those of SocketCAN, read by the loop, and those of python-can, each with a thread.

Each bus counts what it loses for itself, so that health can say which one it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import msgspec

from agent.bus.interface import Interface
from agent.bus.losses import Damage, Losses
from agent.bus.socketcan.bus import CLASSIC_BYTES, FD_BYTES, SocketBus, socket_bus
from agent.bus.socketcan.buses import Buses
from agent.bus.socketcan.packets import Packets
from agent.bus.socketcan.stamps import Stamps
from agent.bus.wanted import Ident
from agent.health.snapshot import BusHealth
from agent.plan.listening import listening
from agent.plan.plan import Plan
from agent.settings.bus import BusSettings


class _Bus(msgspec.Struct, frozen=True):
    what: str
    """Its interface, as people write it."""
    reader: Interface | SocketBus
    losses: Losses


class LiveBuses:
    """Nothing is opened yet. `report` is called for each damage."""

    def __init__(
        self,
        settings: dict[str, BusSettings],
        plan: Plan,
        report: Callable[[Damage], None],
        monotonic_ms: Callable[[], int],
    ) -> None:
        self._monotonic_ms = monotonic_ms
        self._plan = plan
        self._stamps = Stamps()
        self._packets = {bus.fd: Packets(FD_BYTES if bus.fd else CLASSIC_BYTES) for bus in settings.values()}
        self._buses = {name: self._bus(name, bus, plan, Losses(report)) for name, bus in settings.items()}
        readers = [bus.reader for bus in self._buses.values()]
        self.losses = [bus.losses for bus in self._buses.values()]
        self.sources = [reader for reader in readers if isinstance(reader, Interface)]
        """Those of python-can."""
        direct = [reader for reader in readers if isinstance(reader, SocketBus)]
        self.direct = Buses(direct, self._stamps) if direct else None
        """Those of SocketCAN."""

    def health(self) -> dict[str, BusHealth]:
        return {name: self._health(bus) for name, bus in self._buses.items()}

    def watch(self, idents: Mapping[str, Collection[Ident]]) -> None:
        """Of these ids of each bus every frame is wanted from now on, besides those of the plan."""
        for name, bus in self._buses.items():
            if isinstance(bus.reader, SocketBus):
                bus.reader.listen(listening(self._plan, name, idents.get(name, ())))

    def _bus(self, name: str, given: BusSettings, plan: Plan, losses: Losses) -> _Bus:
        what = f"{given.interface} {given.channel}"
        if given.direct:
            packets = self._packets[given.fd]
            wanted = listening(plan, name)
            reader = socket_bus(
                wanted, given.channel, losses, self._stamps, fd=given.fd, throttle=given.throttle, packets=packets
            )
            return _Bus(what, reader, losses)
        interface = Interface(name, given.interface, given.channel, given.options(), losses, self._monotonic_ms)
        return _Bus(what, interface, losses)

    def _health(self, bus: _Bus) -> BusHealth:
        heard_ms, losses = bus.reader.heard_ms, bus.losses
        return BusHealth(
            interface=bus.what,
            open=bus.reader.is_open,
            frames=bus.reader.frames,
            error_frames=losses.error,
            remote_frames=losses.remote,
            dropped=losses.overrun,
            bus_off=losses.bus_off,
            unreadable=losses.unreadable,
            recovered=losses.recovered,
            silent=losses.silent > 0,
            only_errors=losses.only_errors > 0,
            silent_s=None if heard_ms is None else max(0, self._monotonic_ms() - heard_ms) / 1000,
        )
