"""What a live run is made of, opened and connected:

    buses, box, asking ─► gathering ─► collector (by way of enforcing and the sampler) ─► journal ─► uplink

Frames go from left to right; the time that the bridge's receipts tell comes back, into the calendar.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from agent.asking.permission import asking_of
from agent.bus.frame import Frame
from agent.bus.losses import Damage, Losses
from agent.clocks.calendar import Calendar
from agent.clocks.system import monotonic_ms, system_anchor
from agent.collector import Collector
from agent.health.snapshot import Parts
from agent.journal.numbering import Numbering, boot_of_this_start
from agent.lifting import Lifting, Progress, lifting, state_of
from agent.live.box import Box
from agent.live.buses import LiveBuses
from agent.live.gathering import Gathering
from agent.live.health import (
    clock_health,
    gnss_health,
    journal_health,
    modem_health,
    power_health,
    sampling_health,
    uplink_health,
)
from agent.live.obeying import obey
from agent.plan.plan import Plan
from agent.remote.permission import remote_of
from agent.sampling.sampler import Sampler
from agent.settings.agent import Settings
from agent.uplink.bridge_time import BridgeTime
from contract.upload import Reason

if TYPE_CHECKING:
    from agent.asking.asking import Asking
    from agent.remote.remote import Remote
    from agent.watching.applying import Applying

log = logging.getLogger(__name__)


class Live(msgspec.Struct, frozen=True):
    """The parts of a live run: what they do at each turn of the loop, and at the end."""

    boot: bytes
    buses: LiveBuses
    box: Box
    asking: Asking | None
    """None: the profile or the settings ask the vehicle nothing."""
    gathering: Gathering
    sampler: Sampler
    collector: Collector
    calendar: Calendar
    lift: Lifting
    watching: Applying | None
    """None: the cloud may not say what is to be watched."""
    remote: Remote | None
    """None: the cloud may not have the vehicle do anything."""

    def turn(self, frames: list[Frame]) -> None:
        """Takes what was gathered, and does what is due. Raises UplinkEndedError, WrongVehicleError."""
        if self.watching is not None and self.watching.tick():
            self.lift.uplink.wake()
        if frames:
            self.collector.feed(frames)
        self.collector.advance(self.gathering.settled_ms)
        self.lift.tick()
        if self.asking is not None:
            self.asking.tick()
        self.box.tick()
        remote, orders = self.remote, self.lift.uplink.orders
        obeyed = obey(orders, self.box.obey, None if remote is None else remote.take)
        if (remote is not None and remote.tick()) or obeyed:
            self.lift.uplink.wake()

    def end(self) -> None:
        """What was collected so far is in the journal, on the disk."""
        if self.remote is not None:
            self.remote.close()
        self.box.close()
        self.collector.close(monotonic_ms(), Reason.CADENCE)
        self.lift.journal.flush()

    def progress(self) -> Progress:
        collector = self.collector
        return self.lift.progress(
            monotonic_ms(), collector.frames, collector.samples, collector.uploads, self.box.unreadable
        )

    def health(self, settings: Settings) -> Parts:
        """Who says how each part is."""
        parts = Parts(
            buses=self.buses.health,
            state=lambda: self.sampler.state.value,
            sampling=lambda: sampling_health(
                self.collector, self.sampler, self.box.unreadable, monotonic_ms() - self.gathering.settled_ms
            ),
            clock=lambda: clock_health(self.calendar),
            journal=lambda: journal_health(self.lift.journal, settings.journal.max_bytes),
            uplink=lambda: uplink_health(self.lift.uplink),
            privacy=lambda: self.box.guard.state.value,
            privacy_unwritten=lambda: self.box.guard.unwritten,
            gnss=lambda: gnss_health(self.box.gnss, monotonic_ms()),
            modem=lambda: modem_health(self.box.modem),
            power=lambda: power_health(self.box),
        )
        if self.asking is not None:
            parts.asking = self.asking.health
        if self.watching is not None:
            parts.watching = self.watching.health
        if self.remote is not None:
            parts.remote = self.remote.health
        return parts


@contextmanager
def opened(vin: str, settings: Settings, plan: Plan) -> Iterator[Live]:
    """Makes the parts of a live run, opens them, and connects them.

    Raises HeldError, CredentialsError, and OSError when the state folder cannot be written. An interface that does
    not exist shows when it is read.
    """
    losses = Losses(_say)
    sampler = Sampler(plan, monotonic_ms())
    numbering = Numbering(boot_of_this_start())
    calendar = Calendar()
    bridge_time = BridgeTime(numbering.boot, monotonic_ms, calendar.offer)

    def utc_ms() -> int | None:
        known = calendar.utc_ms(monotonic_ms())
        return known[0] if known is not None else None

    def utc_now() -> int | None:
        if calendar.anchor is None:
            # Uploads offer it otherwise, and a vehicle that sleeps makes none.
            calendar.offer(system_anchor())
        return utc_ms()

    buses = LiveBuses(settings.buses, plan, _say, monotonic_ms)
    box = Box(vin, settings, plan, losses, monotonic_ms)
    asking = asking_of(vin, plan.profile, settings, buses.sources, losses, monotonic_ms)
    folder = state_of(vin, settings)
    remote = remote_of(settings, folder, plan, buses.sources, sampler, lambda: box.guard.state, monotonic_ms, utc_now)
    sources = [
        *buses.sources,
        *box.sources,
        *(asking.askers if asking is not None else ()),
        *(remote.sources if remote is not None else ()),
    ]
    with (
        lifting(vin, settings, plan.manifest, live=True, bridge_time=bridge_time, utc_ms=utc_ms) as lift,
        Gathering(sources, monotonic_ms, buses.direct) as gathering,
    ):
        enforcing = box.enforcing(sampler, lift)
        collector = Collector(
            vin,
            plan.manifest,
            enforcing,
            numbering,
            lift.journal,
            [*buses.losses, *box.losses],
            system_anchor,
            lift.uplink.wake,
            calendar,
        )
        box.attach(sampler, enforcing, collector, lift)
        watching = _watching(lift, plan, sampler, settings, buses)
        if remote is not None:
            remote.attach(collector.tell, lift.uplink.orders.answer)
        yield Live(numbering.boot, buses, box, asking, gathering, sampler, collector, calendar, lift, watching, remote)


def _watching(lift: Lifting, plan: Plan, sampler: Sampler, settings: Settings, buses: LiveBuses) -> Applying | None:
    if lift.uplink.desired is None:
        return None
    from agent.watching.applying import Applying

    return Applying(lift.uplink.desired, plan, sampler, settings.commands, buses.watch)


def _say(damage: Damage) -> None:
    log.warning("%s", damage)
