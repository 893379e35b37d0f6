"""The monitors of fleets, compiled: made once and good until one of the fleet's monitors changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import msgspec
from msgspec import UnsetType

from cloud_bridge.monitors.interests import Interests
from cloud_bridge.monitors.parameter import read
from cloud_bridge.monitors.watch import Watch, watch
from cloud_bridge.store.port.monitoring import Membership, Monitoring
from cloud_bridge.store.port.monitors import Monitor
from cloud_bridge.store.port.times import BEGINNING_MS

_SETS = 1024
"""Of fleets that vehicles are in together, kept at most."""

Running = tuple[tuple[int, int | None], ...]


class Compiled(msgspec.Struct, frozen=True):
    monitor: Monitor
    watch: Watch
    extensions: tuple[str, ...]
    """What its events tell besides, as registered, each once."""

    @property
    def key(self) -> str:
        """Of the monitor's version: another version is another watch."""
        return f"{self.monitor.id}/{self.monitor.version}"

    def running(self, joined_at_ms: int) -> Running:
        """When it ran for a vehicle that joined the fleet then."""
        clipped = ((max(start, joined_at_ms), end) for start, end in self.monitor.running)
        return tuple((start, end) for start, end in clipped if end is None or start < end)


class Watches:
    """All that watch the vehicles of some fleets."""

    def __init__(self, compiled: Sequence[Compiled]) -> None:
        self.by_key: Mapping[str, Compiled] = {one.key: one for one in compiled}
        self._running: dict[tuple[tuple[str, int], ...], Mapping[str, Running]] = {}

    def running(self, joined_at_ms: Mapping[str, int]) -> Mapping[str, Running]:
        """When each ran for a vehicle that joined its fleets then; those that did at any time."""
        key = tuple(sorted(joined_at_ms.items()))
        found = self._running.get(key)
        if found is None:
            if len(self._running) >= _SETS:
                self._running.clear()
            ran = {name: one.running(joined_at_ms[one.monitor.fleet_id]) for name, one in self.by_key.items()}
            found = self._running[key] = {name: running for name, running in ran.items() if running}
        return found

    @cached_property
    def interests(self) -> Interests:
        return Interests({key: one.watch for key, one in self.by_key.items()})


class Library:
    """Watches by fleets, without those that failed. For one thread."""

    def __init__(self, store: Monitoring, on_broken: Callable[[Monitor, str], None]) -> None:
        """`on_broken`: called with a monitor that cannot be watched, and why; it has no part in what is made."""
        self._store = store
        self._on_broken = on_broken
        self._fleets: dict[str, tuple[int, list[Compiled]]] = {}
        self._together: dict[tuple[tuple[str, int], ...], Watches] = {}

    def of(self, memberships: Sequence[Membership]) -> Watches:
        """Those of the fleets of a vehicle, as `memberships` say that they are."""
        key = tuple((one.fleet_id, one.changes) for one in memberships)
        found = self._together.get(key)
        if found is None:
            if len(self._together) >= _SETS:
                self._together.clear()
            found = Watches([one for membership in memberships for one in self._of_fleet(membership)])
            self._together[key] = found
        return found

    def _of_fleet(self, membership: Membership) -> list[Compiled]:
        known = self._fleets.get(membership.fleet_id)
        if known is None or known[0] != membership.changes:
            before = {one.key: one for one in (known[1] if known else ())}
            changes, monitors = self._store.monitors(membership.fleet_id)
            compiled = [self._compiled(monitor, before) for monitor in monitors if monitor.status != "Failed"]
            known = changes, [one for one in compiled if one is not None]
            self._fleets[membership.fleet_id] = known
        return known[1]

    def _compiled(self, monitor: Monitor, before: Mapping[str, Compiled]) -> Compiled | None:
        same = before.get(f"{monitor.id}/{monitor.version}")
        if same is not None:
            return Compiled(monitor, same.watch, same.extensions)
        try:
            asked = read(monitor.body)
            watched = watch(asked)
            Interests({monitor.id: watched})
        except Exception as error:  # noqa: BLE001 (said by whom it is told to)
            # It was accepted by another program, or is damaged.
            self._on_broken(monitor, f"{type(error).__name__}: {error}")
            return None
        asks = asked.extended_event_param
        return Compiled(monitor, watched, () if isinstance(asks, UnsetType) else tuple(dict.fromkeys(asks)))


def first_ms(running: Running) -> int:
    """When it ran first."""
    return running[0][0] if running else BEGINNING_MS
