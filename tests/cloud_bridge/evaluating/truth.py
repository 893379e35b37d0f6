"""What monitors make of all that a vehicle said, at once and one by one: what is told is held to it."""

from __future__ import annotations

import msgspec

from cloud_bridge.evaluating.watches import Library
from cloud_bridge.monitors.announcing import REDATED_MS
from cloud_bridge.monitors.episodes import Episode, Outcome, State, Subject, advance
from cloud_bridge.monitors.moments import Told, moments
from cloud_bridge.records.model import RECORDS
from cloud_bridge.records.rules import rules
from cloud_bridge.store.port.monitors import Monitor
from cloud_bridge.store.sqlite.monitoring import SqliteMonitoring
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.deriving.derived import ALWAYS


class Row(msgspec.Struct, frozen=True):
    id: str
    at_ms: int
    refresh: bool

    def is_of(self, episode: Episode) -> bool:
        ends = episode.to_ms is None or self.at_ms < episode.to_ms or self.at_ms == episode.from_ms
        return self.id == episode.id or (episode.from_ms <= self.at_ms and ends)


def refuse(monitor: Monitor, why: str) -> None:
    raise AssertionError(f"monitor {monitor.id} is broken: {why}")


def truth(cloud: Cloud, vin: str) -> dict[str, Outcome]:
    """By monitor."""
    store = SqliteMonitoring(cloud.database)
    progress = store.progress(vin)
    known = cloud.deriver.known(vin)
    if progress is None or known is None or progress.extent.dirty_from_ms is not None:
        return {}
    watches = Library(store, refuse).of(progress.memberships)
    believed = store.believed(vin, 0)
    walk = [message for stretch in cloud.stretches(vin) for message in stretch.messages]
    said = [believed(message) for message in walk]
    if not said:
        return {}
    records = [one for kind in RECORDS for one in store.records(kind, vin, ALWAYS[0])]
    thefts = [(theft.started_at_ms, theft.ended_at_ms) for theft in store.thefts(vin)]
    first_ms = min(stretch.from_ms for stretch in cloud.stretches(vin))
    told = Told(first_ms, cloud.now_ms + 1, said, records, thefts)
    served = frozenset(known.profile.data)
    trip = rules(vin, known.profile).trip
    return {
        one.monitor.id: advance(
            State(), moments({}, told, trip), Subject(f"{one.key}/{vin}", one.watch, one.running(1), served)
        )
        for one in watches.by_key.values()
    }


def rows(cloud: Cloud, monitor_id: str, vin: str) -> list[Row]:
    told = SqliteMonitoring(cloud.database).told(vin, monitor_id, 0)
    return [Row(one.id, one.at_ms, one.refresh) for one in told]


def is_told(episode: Episode, told: list[Row]) -> bool:
    """Whether its beginning was: as itself, in its midst, or as one that it is taken to have been."""
    near = [row for row in told if not row.refresh and abs(row.at_ms - episode.from_ms) <= REDATED_MS]
    return bool(near) or any(row.is_of(episode) for row in told if not row.refresh)
