"""The sections of those parts that know nothing of health: read from what they show anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from agent.clocks.calendar import Calendar
from agent.collector import Collector
from agent.health.snapshot import (
    ClockHealth,
    GnssHealth,
    JournalHealth,
    ModemHealth,
    PowerHealth,
    SamplingHealth,
    UplinkHealth,
)
from agent.journal.journal import Journal
from agent.live.box import Box
from agent.sampling.sampler import Sampler
from agent.uplink.uplink import Uplink
from contract.profile.devices import REGISTRATIONS, TECHNOLOGIES

if TYPE_CHECKING:
    from agent.gnss.source import Fixes
    from agent.modem.modem import Modem


def sampling_health(collector: Collector, sampler: Sampler, unreadable: int, lag_ms: int) -> SamplingHealth:
    """`lag_ms`: how far sampling is behind the clock."""
    return SamplingHealth(
        frames=collector.frames,
        samples=collector.samples,
        uploads=collector.uploads,
        unreadable=unreadable,
        lag_s=lag_ms / 1000,
        events=sampler.happened,
        held_back=sum(sampler.held_back.values()),
    )


def gnss_health(gnss: Fixes | None, now_ms: int) -> GnssHealth | None:
    """None: there is no receiver."""
    if gnss is None:
        return None
    newest = gnss.newest
    return GnssHealth(
        source=gnss.name,
        open=gnss.connected,
        fix=None if newest is None or newest.fix is None else f"{newest.fix}D",
        satellites=None if newest is None else newest.satellites,
        fixes=gnss.count,
        unreadable=gnss.losses.unreadable,
        stale=gnss.stale,
        recovered=gnss.losses.recovered,
        silent_s=None if gnss.newest_fix_ms is None else max(0, now_ms - gnss.newest_fix_ms) / 1000,
    )


def modem_health(modem: Modem | None) -> ModemHealth | None:
    """None: there is no modem that is asked."""
    if modem is None:
        return None
    reading = modem.reading
    health = ModemHealth(
        port=modem.port,
        answering=reading is not None,
        resets=modem.resets,
        unanswered=modem.unanswered,
        recovered=modem.reopened,
    )
    if reading is None:
        return health
    status, technology = reading.registration
    return replace(
        health,
        registration=None if status is None else REGISTRATIONS.get(status),
        operator=None if reading.operator is None else str(reading.operator),
        technology=None if technology is None else TECHNOLOGIES.get(technology),
        signal_dbm=reading.signal.dbm,
        sim=reading.sim,
    )


def power_health(box: Box) -> PowerHealth:
    power = box.power
    return PowerHealth(
        supply_v=box.supply_v,
        ending=None if box.ending is None else box.ending.value,
        endings=0 if power is None else power.endings,
        failed=0 if power is None else power.failed,
        unreadable=box.supply_unreadable,
    )


def clock_health(calendar: Calendar) -> ClockHealth:
    refused = {source.name.lower(): count for source, count in calendar.refused.items()}
    anchor = calendar.anchor
    if anchor is None:
        return ClockHealth(refused=refused)
    return ClockHealth(source=anchor.source.name.lower(), uncertainty_ms=anchor.uncertainty_ms, refused=refused)


def journal_health(journal: Journal, most_bytes: int) -> JournalHealth:
    return JournalHealth(
        depth=journal.depth,
        size_bytes=journal.size_bytes,
        most_bytes=most_bytes,
        refused_writes=journal.refused_writes,
        damaged=len(journal.damage),
        by_priority={priority.name.lower(): count for priority, count in journal.by_priority.items()},
        evicted=journal.evicted,
        thinned=journal.thinned_samples,
        written_bytes=journal.wear.written_bytes,
        day_bytes=journal.wear.day_bytes,
        most_day_bytes=journal.wear.bytes_per_day,
        wear_spent=journal.wear.spent,
        trouble=journal.trouble,
        newer=journal.newer,
    )


def uplink_health(uplink: Uplink) -> UplinkHealth:
    counters = uplink.counters
    return UplinkHealth(
        connected=uplink.connected,
        connections=counters.connections,
        published=counters.published,
        repeated=counters.repeated,
        receipted=counters.receipted,
        refused=counters.refused,
        put_aside=uplink.put_aside,
        wire_bytes=counters.wire_bytes,
        bytes_up=counters.bytes_up,
        bytes_down=counters.bytes_down,
        failures=counters.failures,
        failure=uplink.failure or None,
        certificate_days=uplink.certificate_days(),
        commands=uplink.orders.received,
        untrusted=uplink.orders.untrusted,
        dropped=uplink.orders.dropped,
        unreadable=uplink.orders.unreadable + counters.unreadable_receipts,
        unknown_manifests=counters.unknown_manifests,
        bridge_silent=uplink.bridge_silent,
        day_bytes=uplink.budget.day_used if uplink.budget.limited else None,
        most_day_bytes=uplink.budget.limits.day_bytes,
        month_bytes=uplink.budget.month_used if uplink.budget.limited else None,
        most_month_bytes=uplink.budget.limits.month_bytes,
        budget_spent=uplink.budget_spent,
    )
