"""What monitors may see of a vehicle: what the API shows of it, in its operator's view.

The services that the vehicle is subscribed to decide; what the vehicle's privacy keeps back is not in what it said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from cloud_bridge.api.scope import Scope
from cloud_bridge.monitors.data import WATCHED
from cloud_bridge.records.model import Known, Message, Position, Record
from cloud_bridge.records.trips import TripRule
from contract.published import TRIP

_WATCHABLE = frozenset(key for watched in WATCHED.values() for key in watched.keys)

One = TypeVar("One", bound=Record)


class Sight:
    """Of one vehicle. `data`: those of its services (keys of `contract.catalog` and of `contract.published`); None:
    all."""

    def __init__(self, data: frozenset[str] | None, trip: TripRule | None) -> None:
        self.scope = Scope(data)
        # Who may see trips may see when the vehicle is used; no trigger tells more of what that is known by.
        used = {trip.datum} - _WATCHABLE if data is not None and trip is not None and TRIP in data else set()
        self._said = self.scope if not used else Scope(frozenset(used) | (data or frozenset()))

    @property
    def is_open(self) -> bool:
        return self.scope.is_open

    def message(self, message: Message) -> Message:
        return self._said.message(message)

    def known(self, known: Mapping[str, Known]) -> dict[str, Known]:
        return dict(known) if self.is_open else {key: known[key] for key in known if self._said.covers(key)}

    def place(self, position: Position | None) -> Position | None:
        return self.scope.place(position)

    def see(self, record: One) -> One | None:
        return self.scope.see(record)
