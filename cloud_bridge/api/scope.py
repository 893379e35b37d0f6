"""What of a vehicle's data one call may show. All resources ask here, and nothing else decides it.

Two things limit it:

* The *services* that the vehicle is subscribed to, each a set of data. A vehicle without any shows everything.
* The *end user's view* (`profile=endUser`): only what the vehicle's user shares. What was collected under `Geolocation`
  has no position, and what was collected under `Full` is not there. A record that began or ended under `Full` is not
  there either. What tells how the vehicle is now (status, last position, maintenance) goes by the privacy of now as
  well: under `Geolocation` not even an older position is told there, under `Full` nothing is.

What may not be seen is as if it were not known. Records are cut down here, so that who shows them need not ask.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import cast

from msgspec.structs import replace

from cloud_bridge.api.errors import no_data
from cloud_bridge.api.timestamps import EVER, union
from cloud_bridge.records.model import (
    Alarm,
    Alert,
    Collision,
    Impact,
    Message,
    Position,
    Protection,
    Record,
    Status,
    Trip,
)
from cloud_bridge.store.port.reading import One
from cloud_bridge.store.port.times import Interval
from contract.catalog import DATA
from contract.published import TRIP

PLACES = frozenset({"position.longitude", "position.latitude"})


class Scope:
    """Of one vehicle, for one call."""

    def __init__(self, data: frozenset[str] | None = None, protections: Sequence[Protection] = ()) -> None:
        """`data`: the data of its services (keys of `contract.catalog`, `TRIP`, `STOLEN`), None for all.
        `protections`: all there were, in the end user's view."""
        self._data = data
        self._private = union([_interval(one) for one in protections])
        self._hidden = union([_interval(one) for one in protections if one.state == "Full"])
        self._now = next((one.state for one in protections if one.ended_at_ms is None), None)
        self._places = data is None or data >= PLACES

    @property
    def is_open(self) -> bool:
        """Whether it limits nothing."""
        return self._data is None and not self._private

    def covers(self, *keys: str) -> bool:
        """Whether the services have one of these data."""
        return self._data is None or not self._data.isdisjoint(keys)

    def covers_any_of(self, block: str) -> bool:
        """Whether the services have any of the data of a block (`alert`, `maintenance`)."""
        return self._data is None or any(key.partition(".")[0] == block for key in self._data)

    def only(self, data: Iterable[str]) -> frozenset[str]:
        """Those of `data` that the services have."""
        return frozenset(data) if self._data is None else self._data.intersection(data)

    @property
    def places(self) -> bool:
        """Whether positions of some time may be shown."""
        return self._places

    @property
    def place_now(self) -> bool:
        """Whether it may be shown where the vehicle is."""
        return self._places and self._now is None

    def expect_data(self) -> None:
        """Raises RefusedError where nothing may be shown of how the vehicle is."""
        if self._now == "Full":
            raise no_data("the vehicle's privacy lets its user share nothing")

    def expect_place(self) -> None:
        """The same of where it is."""
        self.expect_data()
        self.expect_places()
        if self._now is not None:
            raise no_data("the vehicle's privacy lets its user share no position")

    def expect_places(self) -> None:
        """Raises RefusedError where positions may never be shown."""
        if not self._places:
            raise no_data("no service of the vehicle has its position")

    def telemetry(self, kinds: frozenset[str]) -> tuple[frozenset[str], frozenset[str] | None]:
        """Of these kinds of messages those that may be shown; and the data, where not all of such kinds may be."""
        if self._data is None:
            return kinds, None
        shown = frozenset(key for key in self._data if key in DATA and DATA[key].telemetry in kinds)
        all_of_them = all(key in shown for key, datum in DATA.items() if datum.telemetry in kinds)
        return frozenset(str(DATA[key].telemetry) for key in shown), None if all_of_them else shown

    def times(self, within: Sequence[Interval]) -> list[Interval]:
        """The parts of these times (ascending, apart) of which something may be shown."""
        return _without(within, self._hidden)

    def times_of_places(self, within: Sequence[Interval]) -> list[Interval]:
        """The parts of them of which positions may be shown."""
        return _without(within, self._private) if self._places else []

    def place(self, position: Position | None) -> Position | None:
        shown = position is not None and self._places and not _in(self._private, position.at_ms)
        return position if shown else None

    def message(self, message: Message) -> Message:
        """A message of the `times`."""
        if self.is_open:
            return message
        data = self._data
        values = message.values if data is None else {key: message.values[key] for key in message.values if key in data}
        return replace(message, values=values, position=self.place(message.position))

    def status(self, status: Status | None) -> Status | None:
        """None where nothing of it may be shown."""
        if status is None or self.is_open:
            return status
        if self._now == "Full":
            return None
        known = {
            key: item for key, item in status.known.items() if self.covers(key) and not _in(self._hidden, item.at_ms)
        }
        position = self.place(status.position) if self.place_now else None
        trigger = None if status.trigger is None else self.see(status.trigger)
        if trigger is not None and not self.place_now:
            trigger = replace(trigger, position=None)
        times = [item.at_ms for item in known.values()]
        times += [] if position is None else [position.at_ms]
        times += [] if trigger is None else [trigger.started_at_ms]
        return Status(known, position, max(times), trigger) if times else None

    def see(self, record: One) -> One | None:
        """A record as it may be shown, None where it may not."""
        if self.is_open:
            return record
        if _in(self._hidden, record.started_at_ms):
            return None
        if record.until_ms is not None and _in(self._hidden, record.until_ms):
            return None
        return cast("One | None", self._cut_down(record))

    def _cut_down(self, record: Record) -> Record | None:
        if isinstance(record, Trip):
            if not self.covers(TRIP):
                return None
            start, stop = self.place(record.start_position), self.place(record.stop_position)
            return replace(record, start_position=start, stop_position=stop)
        if isinstance(record, Alert):
            if not self.covers(f"alert.{record.type}"):
                return None
            start, end = self.place(record.start_position), self.place(record.end_position)
            return replace(record, start_position=start, end_position=end)
        if isinstance(record, Alarm):
            key = "alarm.status.activation" if record.trigger is None else "alarm.trigger.type"
            return replace(record, position=self.place(record.position)) if self.covers(key) else None
        if isinstance(record, Collision):
            return self._collision(record)
        return record

    def _collision(self, collision: Collision) -> Collision | None:
        if not self.covers_any_of("collision"):
            return None
        severity = self.covers("collision.severity")
        impacts = collision.impacts if self.covers("collision.side") else ()
        return replace(
            collision,
            impacts=tuple(impact if severity else Impact(impact.side) for impact in impacts),
            tipped_over=collision.tipped_over if self.covers("collision.tippedOver") else None,
            pedestrian=collision.pedestrian if self.covers("collision.pedestrian") else None,
        )


EVERYTHING = Scope()


def _interval(protection: Protection) -> Interval:
    return protection.started_at_ms, EVER[1] if protection.ended_at_ms is None else protection.ended_at_ms


def _in(intervals: Sequence[Interval], at_ms: int) -> bool:
    index = bisect_right(intervals, at_ms, key=lambda interval: interval[0])
    return index > 0 and at_ms < intervals[index - 1][1]


def _without(within: Sequence[Interval], removed: Sequence[Interval]) -> list[Interval]:
    """Both ascending, each apart; so is the result."""
    if not removed:
        return list(within)
    left: list[Interval] = []
    place = 0
    for first, end in within:
        while place < len(removed) and removed[place][1] <= first:
            place += 1
        start, index = first, place
        while index < len(removed) and removed[index][0] < end:
            if removed[index][0] > start:
                left.append((start, removed[index][0]))
            start = max(start, removed[index][1])
            index += 1
        if start < end:
            left.append((start, end))
    return left
