"""A live run: buses and receiver in, uploads out, until the service is stopped.

Stopping (SIGTERM) drains: the batch is closed, the journal flushed, and the receipts of what is in flight are waited
for a little. What is pending then goes with the next start.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

from agent.asking.permission import asking_of
from agent.box import Box
from agent.bus.live import LiveBuses
from agent.bus.losses import Damage, Losses
from agent.calendar import Calendar
from agent.collector import Collector
from agent.gathering import Gathering
from agent.health.parts import clock_health, journal_health, sampling_health, uplink_health
from agent.health.snapshot import Identity, Parts
from agent.health.watch import Watch, summary
from agent.journal.numbering import Numbering, boot_of_this_start
from agent.lifting import Progress, lifting
from agent.obeying import obey
from agent.plan.plan import Plan
from agent.sampling.sampler import Sampler
from agent.settings.agent import Settings
from agent.system_clock import monotonic_ms, system_anchor
from agent.uplink.bridge_time import BridgeTime
from contract.upload import Reason

log = logging.getLogger(__name__)

DRAIN_S = 5.0
_WAIT_S = 0.25
_SAY_EVERY_S = 60.0


def run(
    vin: str,
    settings: Settings,
    plan: Plan,
    stop: threading.Event,
    report: Callable[[Progress], None] = lambda _: None,
    drain_s: float = DRAIN_S,
) -> Progress:
    """Runs until `stop` is set. `report` is called some times a second.

    Raises InterfaceError (the settings name an interface that does not exist), JournalError, CredentialsError,
    UplinkEndedError, WrongVehicleError, OSError when the state folder cannot be written.
    """

    def damaged(damage: Damage) -> None:
        log.warning("%s", damage)

    losses = Losses(damaged)
    sampler = Sampler(plan, monotonic_ms())
    numbering = Numbering(boot_of_this_start())
    calendar = Calendar()
    bridge_time = BridgeTime(numbering.boot, monotonic_ms, calendar.offer)

    def utc_ms() -> int | None:
        known = calendar.utc_ms(monotonic_ms())
        return known[0] if known is not None else None

    buses = LiveBuses(settings.buses, plan, damaged, monotonic_ms)
    box = Box(vin, settings, plan, losses, monotonic_ms)
    asking = asking_of(vin, plan.profile, settings, buses.sources, losses, monotonic_ms)
    with (
        lifting(vin, settings, plan.manifest, live=True, bridge_time=bridge_time, utc_ms=utc_ms) as lift,
        Gathering(
            [*buses.sources, *box.sources, *(asking.askers if asking else ())],
            monotonic_ms,
            buses.direct,
        ) as live,
        ExitStack() as stack,
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
        log.info("running: vehicle %s, boot %s, buses %s", vin, numbering.boot.hex(), ", ".join(settings.buses))

        parts = Parts(
            buses=buses.health,
            sampling=lambda: sampling_health(collector, sampler, box.unreadable, monotonic_ms() - live.settled_ms),
            clock=lambda: clock_health(calendar),
            journal=lambda: journal_health(lift.journal, settings.journal.max_bytes),
            uplink=lambda: uplink_health(lift.uplink),
            privacy=box.privacy_health,
            privacy_unwritten=lambda: box.guard.unwritten,
            gnss=box.gnss_health,
            modem=box.modem_health,
            power=box.power_health,
        )
        if asking is not None:
            parts.asking = asking.health
        watch = stack.enter_context(
            Watch(Identity(vin, plan.manifest.model, numbering.boot, os.getpid()), parts, settings.health)
        )

        def progress() -> Progress:
            return lift.progress(monotonic_ms(), collector.frames, collector.samples, collector.uploads, box.unreadable)

        said_s = time.monotonic()
        try:
            for frames in live.batches(_WAIT_S):
                if frames:
                    collector.feed(frames)
                collector.advance(live.settled_ms)
                lift.tick()
                if asking is not None:
                    asking.tick()
                box.tick()
                if obey(lift.uplink.orders, box.obey):
                    lift.uplink.wake()
                report(progress())
                watch.turned(live.settled_ms, lift.uplink.alive)
                if time.monotonic() - said_s >= _SAY_EVERY_S:
                    said_s = time.monotonic()
                    log.info("%s", summary(watch.snapshot()))
                if stop.is_set():
                    collector.feed(live.rest())
                    break
        finally:
            watch.stopping()
            box.close()
            # Also what came before a failure is kept.
            collector.close(monotonic_ms(), Reason.CADENCE)
            lift.journal.flush()
        if not lift.journal.wait_until_at_most(0, drain_s):
            log.info("%d uploads stay in the journal for the next start", lift.journal.depth)
        return progress()
