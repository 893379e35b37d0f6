"""What the moments of a vehicle have to do with which of its monitors: an index that vehicles share.

Of a level that is compared with thresholds only those matter that lie between the value before and the value now; of
names, only monitors that name one of the two; of all else, each change.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from cloud_bridge.monitors.broken import broken
from cloud_bridge.monitors.data import ALERT_KEY
from cloud_bridge.monitors.moments import Moment
from cloud_bridge.monitors.schedule import Schedule
from cloud_bridge.monitors.triggers import InTime, InZone, OfData
from cloud_bridge.monitors.watch import Watch
from cloud_bridge.records.model import Value
from contract.catalog import Kind

_NUMBERS = (Kind.NUMBER, Kind.INTEGER)
_NOBODY: frozenset[str] = frozenset()
_END_MS = 2**62

One = TypeVar("One", InTime, OfData)


class Interests:
    """Of monitors by keys of the caller's."""

    def __init__(self, watches: Mapping[str, Watch]) -> None:
        self.watches = watches
        self.data = frozenset(datum for watch in watches.values() for datum in watch.data)
        """The data of triggers that any of them names."""
        numbered = {key: _zones(watch) for key, watch in watches.items()}
        self.zones = {key: zones for key, zones in numbered.items() if zones}
        """By their numbers among the triggers."""
        self.schedules = {
            key: tuple(one.schedule for one in times) for key, watch in watches.items() if (times := _of(InTime, watch))
        }
        self.reminding = [key for key, watch in watches.items() if watch.refresh_ms is not None]
        self._calm: dict[str, tuple[int, int]] = {}
        self._all_calm: tuple[int, int] | None = None
        any_change: defaultdict[str, set[str]] = defaultdict(set)
        named: defaultdict[tuple[str, Value], set[str]] = defaultdict(set)
        compared: defaultdict[str, set[tuple[float, str]]] = defaultdict(set)
        first: defaultdict[str, set[str]] = defaultdict(set)
        for key, watch in watches.items():
            for test in _of(OfData, watch):
                watched = test.watched
                if watched.made != "only" or test.operator == "onChange":
                    for datum in _changing(test):
                        any_change[datum].add(key)
                    continue
                (datum,) = watched.keys
                first[datum].add(key)
                for value in test.values:
                    if watched.kind in _NUMBERS:
                        compared[datum].add((float(value), key))
                    else:
                        named[datum, value].add(key)
        self._any_change = any_change
        self._named = named
        self._compared = {
            datum: ([cut for cut, _ in cuts], [key for _, key in cuts])
            for datum, unsorted in compared.items()
            for cuts in [sorted(unsorted)]
        }
        self._first = first

    def touched(self, moment: Moment) -> set[str]:
        """Those of which a trigger on data may be another than it was before the moment, or is of the moment itself."""
        found: set[str] = set()
        for datum in moment.happened:
            found |= self._any_change.get(datum, _NOBODY)
        for datum, before in moment.was.items():
            found |= self._any_change.get(datum, _NOBODY)
            if before is None:
                found |= self._first.get(datum, _NOBODY)
                continue
            now = moment.known[datum]
            found |= self._named.get((datum, before), _NOBODY)
            found |= self._named.get((datum, now), _NOBODY)
            if datum in self._compared:
                cuts, keys = self._compared[datum]
                least, most = sorted((float(before), float(now)))
                found.update(keys[bisect_left(cuts, least) : bisect_right(cuts, most)])
        return found

    def calm(self, key: str, at_ms: int) -> tuple[int, int]:
        """[from, to) around `at_ms` in which no schedule of the monitor begins or ends."""
        found = self._calm.get(key)
        if found is None or not found[0] <= at_ms < found[1]:
            try:
                found = self._calm[key] = _constant(self.schedules[key], at_ms)
            except Exception as error:
                raise broken(key, error) from error
        return found

    def all_calm(self, at_ms: int) -> tuple[int, int]:
        """The same of all monitors; with none, all of time."""
        found = self._all_calm
        if found is None or not found[0] <= at_ms < found[1]:
            each = [self.calm(key, at_ms) for key in self.schedules]
            start_ms, end_ms = (
                max((one[0] for one in each), default=-_END_MS),
                min((one[1] for one in each), default=_END_MS),
            )
            found = self._all_calm = start_ms, end_ms
        return found


def _of(kind: type[One], watch: Watch) -> tuple[One, ...]:
    return tuple(test for test in watch.tests if isinstance(test, kind))


def _zones(watch: Watch) -> list[tuple[int, InZone]]:
    return [(number, test) for number, test in enumerate(watch.tests) if isinstance(test, InZone)]


def _changing(test: OfData) -> Iterator[str]:
    """What of a moment the trigger depends on in whatever way it changes."""
    if test.watched.made == "happening":
        yield test.datum
    elif test.watched.made == "set" and test.operator != "onChange":
        yield from (f"{ALERT_KEY}{value}" for value in test.values)
    else:
        yield from test.watched.keys


def _constant(schedules: Iterable[Schedule], at_ms: int) -> tuple[int, int]:
    each = [schedule.constant(at_ms) for schedule in schedules]
    return max(start for start, _ in each), min(end for _, end in each)
