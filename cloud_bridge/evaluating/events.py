"""Bodies of events, as published: an item of the `events` that a monitor's target gets.

Values and extensions are those of the event's date: the newest known then, by all that is known now of that time. What
went on then is told as going on, whatever came of it since. Documents are those of the API without their links.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import structs
from msgspec.structs import replace

from cloud_bridge.api.alerts import BareAlert, bare_alert
from cloud_bridge.api.collisions import bare_collision
from cloud_bridge.api.documents import Document
from cloud_bridge.api.maintenance import bare_maintenance
from cloud_bridge.api.positions import feature
from cloud_bridge.api.scope import Scope
from cloud_bridge.api.status import bare_status
from cloud_bridge.api.stolen import BareStolen, BareStolenStatus, bare_stolen_status
from cloud_bridge.api.telemetry import bare_telemetry, kinds_of
from cloud_bridge.api.trips import BareTrip, bare_trip
from cloud_bridge.evaluating.walk import Passage
from cloud_bridge.evaluating.watches import Compiled
from cloud_bridge.monitors.broken import broken
from cloud_bridge.monitors.data import ALERT, COLLISION_SEVERITY, COLLISION_SIDE, WATCHED
from cloud_bridge.monitors.episodes import Event
from cloud_bridge.monitors.triggers import OfData
from cloud_bridge.records.model import Alarm, Alert, Collision, Json, Known, Position, Status, Trip, Value
from cloud_bridge.shapes.times import rfc3339
from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.store.port.monitoring import Monitoring
from cloud_bridge.store.port.reading import One
from cloud_bridge.store.port.registry import Vehicle
from cloud_bridge.store.port.times import BEGINNING_MS
from contract.catalog import TELEMETRY_KINDS
from contract.published import STOLEN

_KINDS = frozenset(TELEMETRY_KINDS)
_TELEMETRY = "vehicle.telemetry"


class Bodies:
    """Of one vehicle, as far as `scope` shows it."""

    def __init__(self, store: Monitoring, vehicle: Vehicle, scope: Scope) -> None:
        self._store = store
        self._vehicle = vehicle
        self._scope = scope

    def of(self, passages: Iterable[Passage], events: Sequence[tuple[Compiled, Event]]) -> Iterator[bytes]:
        """JSON, one for each of `events`, which are in ascending time and in `passages` or after. Raises BrokenError
        where one cannot be told."""
        rest = deque(events)
        for passage in passages:
            if not rest:
                return
            known, position = passage.known, passage.position
            if rest[0][1].at_ms < passage.to_ms:
                known = dict(known)
                for message in passage.messages:
                    while rest and rest[0][1].at_ms < message.at_ms:
                        yield self._body(*rest.popleft(), known, position)
                    known.update({datum: Known(value, message.at_ms) for datum, value in message.values.items()})
                    position = message.position or position
                while rest and rest[0][1].at_ms < passage.to_ms:
                    yield self._body(*rest.popleft(), known, position)
        for each in rest:
            yield self._body(*each, known, position)

    def _body(self, of: Compiled, event: Event, known: Mapping[str, Known], position: Position | None) -> bytes:
        try:
            return self._told(of, event, known, position)
        except StoreError:
            raise
        except Exception as error:
            raise broken(of.key, error) from error

    def _told(self, of: Compiled, event: Event, known: Mapping[str, Known], position: Position | None) -> bytes:
        then = _Then(self._store, self._vehicle, self._scope, event.at_ms, known, position)
        return msgspec.json.encode(
            {
                "fleetId": of.monitor.fleet_id,
                "vin": self._vehicle.vin,
                "eventDate": rfc3339(event.at_ms),
                "refresh": event.refresh,
                "values": list(_values(of, event, then)),
                "extensions": [
                    {"type": shown.type, "body": {shown.field: shown.value}}
                    for extension in of.extensions
                    if (shown := then.extension(extension)) is not None
                ],
            }
        )


class _Extension(msgspec.Struct, frozen=True):
    type: str
    field: str
    value: Any


class _Then:
    """A vehicle at the date of an event."""

    def __init__(
        self,
        store: Monitoring,
        vehicle: Vehicle,
        scope: Scope,
        at_ms: int,
        known: Mapping[str, Known],
        position: Position | None,
    ) -> None:
        self.known = known
        self._store = store
        self._vin = vehicle.vin
        self._scope = scope
        self._at_ms = at_ms
        self._position = position

    def extension(self, name: str) -> _Extension | None:
        """None where nothing of it is known, or may be seen."""
        kind, _, of = name.partition(f"{_TELEMETRY}.")
        if name == _TELEMETRY or (of and not kind):
            value: Any = bare_telemetry(self._seen(), kinds_of([of] if of else [], _KINDS))
            return None if value is None else _Extension(_TELEMETRY, "telemetry", value)
        field, value = self._shown(name)
        return None if value is None else _Extension(name, field, value)

    def alerts(self) -> list[BareAlert]:
        """Those that were on, and those that went off at that moment."""
        found = self._records(Alert, self._at_ms)
        return [bare_alert(self._as_then(alert), self._vin) for alert in found]

    def collision(self) -> Json | Document | None:
        """The last one until then."""
        found = self._records(Collision, BEGINNING_MS)
        return bare_collision(found[-1], self._vin) if found else None

    def group(self, datum: str) -> str | None:
        """How several data stand of which one changed, in words as their documents have them."""
        shown = self._documents()
        if datum == "vehicle.preconditioning.airConditioning":
            status = shown.get("preconditioning", {}).get("airConditioning", {}).get("status")
            return None if status is None else str(status)
        doors = shown.get("doorsState", {})
        if datum == "vehicle.doorsState.lockedState":
            return _literal(doors.get("lockedStates", ()))
        return _literal([f"{opening['identifier']}={opening['state']}" for opening in doors.get("opening", ())])

    def _shown(self, name: str) -> tuple[str, Any]:
        """The field of an extension's body, and its value."""
        if name == "vehicle.doorsState":
            return "doorState", self._documents().get("doorsState")
        if name == "vehicle.status":
            return name.rpartition(".")[2], self._whole_status()
        if name == "vehicle.maintenance":
            return "maintenance", bare_maintenance(self._vin, Status(dict(self.known)))
        if name == "vehicle.position":
            return "position", None if self._position is None else feature(self._position)
        if name == "vehicle.alerts":
            on = [alert for alert in self.alerts() if alert.active]
            return "alerts", on if self._scope.covers_any_of("alert") else None
        if name == "vehicle.collisions":
            return "collisions", self.collision()
        if name == "vehicle.trip":
            return "trip", self._trip()
        stolen = self._stolen()
        # Nothing had changed since it was reported.
        whole = None if stolen is None else BareStolen(**structs.asdict(stolen), updated_at=stolen.created_at)
        return "stolen", whole

    def _seen(self) -> dict[str, Known]:
        """What may be seen of what is known: when the vehicle is used may be known besides."""
        return {key: self.known[key] for key in self.known if self._scope.covers(key)}

    def _documents(self) -> Json:
        """A status without its alarm."""
        return bare_status(self._vin, Status(self._seen()))

    def _status(self) -> Json:
        known = self._seen()
        newest_ms = [item.at_ms for item in known.values()]
        newest_ms += [] if self._position is None else [self._position.at_ms]
        alarms = [alarm for alarm in self._records(Alarm, BEGINNING_MS) if alarm.trigger is not None]
        trigger = alarms[-1] if alarms else None
        return bare_status(self._vin, Status(known, self._position, max(newest_ms, default=0), trigger))

    def _whole_status(self) -> Json | None:
        if not self.known and self._position is None:
            return None
        stolen = self._stolen()
        return self._status() | ({} if stolen is None else {"stolen": stolen})

    def _trip(self) -> BareTrip | None:
        """That goes on, or ended at that moment."""
        found = self._records(Trip, self._at_ms)
        if not found:
            return None
        trip = found[-1]
        if trip.stopped_at_ms is None or trip.stopped_at_ms > self._at_ms:
            # How far it went, and how long it took, is known when it ends.
            trip = Trip(
                trip.id,
                trip.started_at_ms,
                None,
                start_mileage_km=trip.start_mileage_km,
                start_position=trip.start_position,
                start_energies=trip.start_energies,
                updated_at_ms=self._at_ms,
            )
        return bare_trip(trip, self._vin)

    def _stolen(self) -> BareStolenStatus | None:
        if not self._scope.covers(STOLEN):
            return None
        for theft in self._store.thefts(self._vin):
            if theft.started_at_ms <= self._at_ms and (theft.ended_at_ms is None or self._at_ms < theft.ended_at_ms):
                document = bare_stolen_status(replace(theft, ended_at_ms=None))
                place = self._scope.place(self._store.position_at(self._vin, theft.started_at_ms))
                if place is not None:
                    document.start_position = feature(place)
                return document
        return None

    def _records(self, kind: type[One], from_ms: int) -> list[One]:
        """Those that began until then, and were not over before `from_ms`."""
        found = self._store.records(kind, self._vin, (from_ms, self._at_ms + 1))
        return [seen for one in found if (seen := self._scope.see(one)) is not None]

    def _as_then(self, alert: Alert) -> Alert:
        if alert.ended_at_ms is None or alert.ended_at_ms <= self._at_ms:
            return alert
        return replace(alert, ended_at_ms=None, end_position=None, updated_at_ms=alert.started_at_ms)


def _values(of: Compiled, event: Event, then: _Then) -> Iterator[Json]:
    for datum in of.watch.data:
        value: Json | None
        if datum == ALERT:
            asked = _asked_alerts(of)
            shown = [alert for alert in then.alerts() if asked is None or alert.type in asked]
            value = {"type": "obj.alert", "body": {"objectValues": shown}} if shown else None
        elif datum in (COLLISION_SIDE, COLLISION_SEVERITY):
            collision = then.collision() if datum in event.values else None
            value = None if collision is None else {"type": "obj.collision", "body": {"objectValues": [collision]}}
        else:
            is_group = WATCHED[datum].made == "group"
            literal = then.group(datum) if is_group else _literal(event.values.get(datum, ()))
            value = None if literal is None else {"type": "string", "body": {"literalValue": literal}}
        if value is not None:
            yield {"data": datum, "value": value}


def _asked_alerts(of: Compiled) -> frozenset[Value] | None:
    """The types that its triggers name; None: any."""
    tests = [test for test in of.watch.tests if isinstance(test, OfData) and test.datum == ALERT]
    if any(test.operator == "onChange" for test in tests):
        return None
    return frozenset(value for test in tests for value in test.values)


def _literal(values: Sequence[Value]) -> str | None:
    return ",".join(map(_text, values)) if values else None


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
