"""A `Reader`, a `Monitors` and a `Uses` in memory: the port's promises over plain lists, without a database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from msgspec.structs import replace

from cloud_bridge.records.messages import data_of, data_of_kinds, kinds_of
from cloud_bridge.records.model import Message, Position, Record, Status
from cloud_bridge.store.port.monitors import MOST_RUNS, Monitor, MonitorStatus
from cloud_bridge.store.port.reading import One
from cloud_bridge.store.port.registry import Client, Fleet, Theft, Vehicle
from cloud_bridge.store.port.times import Interval


def inside(at_ms: int, within: Sequence[Interval]) -> bool:
    return any(first <= at_ms < end for first, end in within)


def overlaps(record: Record, within: Sequence[Interval]) -> bool:
    until_ms = record.until_ms
    return any(record.started_at_ms < end and (until_ms is None or until_ms >= first) for first, end in within)


def _lasted(record: Record, lasted: Interval) -> bool:
    return record.until_ms is not None and lasted[0] <= record.until_ms - record.started_at_ms <= lasted[1]


@dataclass
class MemoryReader:
    clients: dict[str, Client] = field(default_factory=dict)
    all_fleets: dict[str, Fleet] = field(default_factory=dict)
    members: dict[str, list[Vehicle]] = field(default_factory=dict)
    """Vehicles by fleet."""
    statuses_of: dict[str, Status] = field(default_factory=dict)
    """And all that follows by VIN."""
    all_messages: dict[str, list[Message]] = field(default_factory=dict)
    all_records: dict[str, list[Record]] = field(default_factory=dict)
    all_thefts: dict[str, list[Theft]] = field(default_factory=dict)

    def client(self, client_id: str) -> Client | None:
        return self.clients.get(client_id)

    def set_aside(self, _fleet_id: str) -> list[Vehicle]:
        return []

    def fleets(self, ids: Sequence[str], offset: int, limit: int) -> tuple[int, list[Fleet]]:
        found = [self.all_fleets[fleet_id] for fleet_id in ids if fleet_id in self.all_fleets]
        found.sort(key=lambda fleet: (fleet.created_at_ms, fleet.id))
        return len(found), found[offset : offset + limit]

    def fleet(self, fleet_id: str) -> Fleet | None:
        return self.all_fleets.get(fleet_id)

    def vehicles(self, fleet_id: str, vin_prefix: str, offset: int, limit: int) -> tuple[int, list[Vehicle]]:
        found = [vehicle for vehicle in self.members.get(fleet_id, ()) if vehicle.vin.startswith(vin_prefix)]
        found.sort(key=lambda vehicle: vehicle.vin)
        return len(found), found[offset : offset + limit]

    def vehicle(self, fleet_id: str, vehicle_id: str) -> Vehicle | None:
        found = (vehicle for vehicle in self.members.get(fleet_id, ()) if vehicle.id == vehicle_id)
        return next(found, None)

    def snapshot(self) -> AbstractContextManager[None]:
        return nullcontext()

    def status(self, vin: str) -> Status | None:
        return self.statuses_of.get(vin)

    def messages(
        self,
        vin: str,
        within: Sequence[Interval],
        kinds: frozenset[str],
        offset: int,
        limit: int,
        data: frozenset[str] | None = None,
    ) -> tuple[int, list[Message]]:
        found = [
            message
            for message in self.all_messages.get(vin, ())
            if inside(message.at_ms, within)
            and (data is None or not data_of_kinds(data, kinds).isdisjoint(data_of(message)))
            and not kinds.isdisjoint(kinds_of(message))
        ]
        return len(found), found[offset : offset + limit]

    def positions(self, vin: str, within: Sequence[Interval]) -> list[Position]:
        return [
            message.position
            for message in self.all_messages.get(vin, ())
            if message.position is not None and inside(message.position.at_ms, within)
        ]

    def page_of_positions(
        self, vin: str, within: Sequence[Interval], offset: int, limit: int
    ) -> tuple[int, list[Position]]:
        found = self.positions(vin, within)
        return len(found), found[offset : offset + limit]

    def position_at(self, vin: str, at_ms: int) -> Position | None:
        found = self.positions(vin, [(0, at_ms + 1)])
        return found[-1] if found else None

    def thefts(self, vin: str) -> list[Theft]:
        return sorted(self.all_thefts.get(vin, ()), key=lambda theft: theft.started_at_ms)

    def records(self, kind: type[One], vin: str, within: Sequence[Interval]) -> list[One]:
        found = [one for one in self.all_records.get(vin, ()) if isinstance(one, kind) and overlaps(one, within)]
        return sorted(found, key=lambda one: (one.started_at_ms, one.id))

    def record(self, kind: type[One], vin: str, record_id: str) -> One | None:
        found = (one for one in self.all_records.get(vin, ()) if isinstance(one, kind) and one.id == record_id)
        return next(found, None)

    def has_services(self, fleet_id: str) -> bool:
        return any(vehicle.services for vehicle in self.members.get(fleet_id, ()))

    def statuses(self, fleet_id: str, offset: int, limit: int) -> tuple[int, list[tuple[Vehicle, Status]]]:
        members = sorted(self.members.get(fleet_id, ()), key=lambda vehicle: vehicle.vin)
        found = [(vehicle, self.statuses_of[vehicle.vin]) for vehicle in members if vehicle.vin in self.statuses_of]
        return len(found), found[offset : offset + limit]

    def fleet_records(
        self,
        kind: type[One],
        fleet_id: str,
        within: Sequence[Interval],
        offset: int,
        limit: int,
        *,
        lasted: Interval | None = None,
        counts: Callable[[Vehicle, One], bool] | None = None,
    ) -> tuple[int, list[tuple[Vehicle, One]]]:
        members = self.members.get(fleet_id, ())
        found = [
            (vehicle, one)
            for vehicle in members
            for one in self.records(kind, vehicle.vin, within)
            if (lasted is None or _lasted(one, lasted)) and (counts is None or counts(vehicle, one))
        ]
        found.sort(key=lambda each: (each[1].started_at_ms, each[0].vin, each[1].id))
        return len(found), found[offset : offset + limit]

    def fleet_record(self, kind: type[One], fleet_id: str, record_id: str) -> tuple[Vehicle, One] | None:
        for vehicle in self.members.get(fleet_id, ()):
            one = self.record(kind, vehicle.vin, record_id)
            if one is not None:
                return vehicle, one
        return None


class MemoryMonitors:
    """Of vehicles it knows nothing but `members`, by fleet."""

    def __init__(self, members: Mapping[str, Sequence[str]] | None = None) -> None:
        self.members = members or {}
        self._all: dict[str, Monitor] = {}

    def add(self, monitor: Monitor, most: int) -> bool:
        if len(self._of(monitor.fleet_id)) >= most:
            return False
        self._all[monitor.id] = monitor
        return True

    def _of(self, fleet_id: str) -> list[Monitor]:
        found = [monitor for monitor in self._all.values() if monitor.fleet_id == fleet_id]
        return sorted(found, key=lambda monitor: (monitor.created_at_ms, monitor.id))

    def monitor(self, fleet_id: str, monitor_id: str) -> Monitor | None:
        return next((monitor for monitor in self._of(fleet_id) if monitor.id == monitor_id), None)

    def monitors(self, fleet_id: str, offset: int, limit: int) -> tuple[int, list[Monitor]]:
        found = self._of(fleet_id)
        return len(found), found[offset : offset + limit]

    def replace(self, fleet_id: str, monitor_id: str, body: bytes, now_ms: int) -> Monitor | None:
        before = self.monitor(fleet_id, monitor_id)
        if before is None:
            return None
        now_ms = max(now_ms, self._newest_ms(before))
        status: MonitorStatus = "Paused" if before.status == "Paused" else "Running"
        running = () if status == "Paused" else ((now_ms, None),)
        return self._put(
            replace(
                before,
                body=body,
                status=status,
                version=before.version + 1,
                updated_at_ms=now_ms,
                running=running,
            )
        )

    def set_status(self, fleet_id: str, monitor_id: str, status: MonitorStatus, now_ms: int) -> Monitor | None:
        before = self.monitor(fleet_id, monitor_id)
        if before is None or before.status == status:
            return before
        now_ms = max(now_ms, self._newest_ms(before))
        if status == "Running":
            running = (*before.running, (now_ms, None))
        else:
            ended = ((first, now_ms if end is None else end) for first, end in before.running)
            running = tuple((first, end) for first, end in ended if first < end)
        return self._put(replace(before, status=status, updated_at_ms=now_ms, running=running[-MOST_RUNS:]))

    def delete(self, fleet_id: str, monitor_id: str) -> bool:
        found = self.monitor(fleet_id, monitor_id)
        return found is not None and self._all.pop(found.id) is not None

    def of_vehicle(self, vin: str) -> list[Monitor]:
        found = [monitor for monitor in self._all.values() if vin in self.members.get(monitor.fleet_id, ())]
        return sorted(found, key=lambda monitor: monitor.id)

    def _put(self, monitor: Monitor) -> Monitor:
        self._all[monitor.id] = monitor
        return monitor

    @staticmethod
    def _newest_ms(monitor: Monitor) -> int:
        return max(monitor.updated_at_ms, *(time_ms or 0 for run in monitor.running for time_ms in run), 0)


class MemoryUses:
    def __init__(self) -> None:
        self._counts: dict[str, Counter[int]] = {}

    def uses(self, client_id: str, since: int) -> dict[int, int]:
        return {minute: count for minute, count in self._counts.get(client_id, {}).items() if minute >= since}

    def add_uses(self, uses: Mapping[str, Mapping[int, int]], since: int, kept: int) -> dict[str, dict[int, int]]:
        for client, counts in uses.items():
            self._counts.setdefault(client, Counter()).update(counts)
        return {client: self.uses(client, max(since, kept)) for client in uses}
