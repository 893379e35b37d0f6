"""Pushes down: keeps the lists of all vehicles what monitors and profiles make of them, and the broker's copy of them.

What changed is marked by the database itself, in the transaction of the change, whoever makes it; several bridges may
settle it at once, and write the same. A list is published until the broker has taken it over. A vehicle that reports
another one than its own gets its own again, with a greater number if it has one that we do not know (our database is of
before). Of one that may say nothing, since it was erased or revoked, all that the broker keeps is taken back.

A defect costs the vehicle or the monitor that it shows with, and is noted (`cloud_bridge.threads.faults`): vehicles
that it is about keep the lists that they have.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Protocol

from cloud_bridge.identity.strangers import Strangers
from cloud_bridge.monitors.parameter import read
from cloud_bridge.monitors.watch import Watch, watch
from cloud_bridge.profiles import Profiles
from cloud_bridge.store.port.monitors import Monitor, Monitors
from cloud_bridge.store.port.watch_lists import Listed, WatchLists
from cloud_bridge.threads.faults import Faults
from cloud_bridge.threads.working import Working
from cloud_bridge.watch_lists.conditions import conditions, fitting
from cloud_bridge.watch_lists.line import AT_ONCE, MOST_REPORTS, Report
from contract.anchor import MAXIMUM_UTC_MS
from contract.command import ID_BYTES, Command, Watching, encode_command
from contract.configuration import ConfigurationError
from contract.topics import WATCH_REPORT
from contract.watching import Condition, encode_report
from contract.wire import digest

PART = "watch lists"
LOOK_S = 1.0
PROFILES_S = 30.0
FARTHEST_AHEAD_MS = 100 * 366 * 86_400_000
"""Beyond the clock, by which no number of a list ever was: numbers are times, or one more than the last. Who says so
would leave no room for greater ones."""

log = logging.getLogger(__name__)


class Broker(Protocol):
    """What of `cloud_bridge.watch_lists.line.Line` is used here."""

    def publish(self, lists: Mapping[str, bytes]) -> set[str]: ...
    def take_back(self, vin: str) -> None: ...
    def reports(self) -> list[Report]: ...
    def forgotten(self) -> bool: ...


class Pushing:
    """`start`, then `stop`."""

    def __init__(
        self,
        lists: WatchLists,
        monitors: Monitors,
        profiles: Profiles,
        line: Broker,
        strangers: Strangers,
        faults: Faults,
        key: bytes,
        clock_ms: Callable[[], int],
        on_failure: Callable[[], None],
    ) -> None:
        """`key`: the private one that signs lists; `on_failure` is called when the thread ends for another reason than
        `stop`."""
        self._lists = lists
        self._monitors = monitors
        self._profiles = profiles
        self._line = line
        self._strangers = strangers
        self._faults = faults
        self._key = key
        self._clock_ms = clock_ms
        self._profiles_s = 0.0
        self._said: deque[Report] = deque(maxlen=MOST_REPORTS)
        self._forgotten = False
        self._unsaid: set[tuple[str, int]] = set()
        """Lists, by vehicle and number, that cannot be put into a command."""
        complaint = "what vehicles are to watch cannot be settled now, trying again"
        self._working = Working("watch-lists", self.turn, LOOK_S, on_failure, complaint=complaint)

    def start(self) -> None:
        self._working.start()

    def stop(self) -> None:
        self._working.stop()

    def wake(self) -> None:
        """There is something to do. From any thread."""
        self._working.wake()

    def turn(self) -> None:
        """Does what there is to do. Raises StoreError."""
        # What the database refuses is there for the next time.
        self._said.extend(self._line.reports())
        while self._said:
            said = self._said[0]
            with self._faults.sparing(PART, f"vehicle {said.vin}"):
                self._take(said)
            self._said.popleft()
        self._forgotten = self._line.forgotten() or self._forgotten
        if self._forgotten:
            self._lists.publish_again()
            self._forgotten = False
        if time.monotonic() >= self._profiles_s:
            self._profiles_s = time.monotonic() + PROFILES_S
            self._look_at_profiles()
        self._settle()
        self._publish()

    def _look_at_profiles(self) -> None:
        digests = {}
        for model in self._lists.models():
            try:
                digests[model] = self._profiles.of(model).digest
            except ConfigurationError:
                continue  # Said at the start; what such vehicles say is not derived either.
        self._lists.profiles(digests)

    def _settle(self) -> None:
        while not self._working.stopping and (due := self._lists.due()) is not None:
            watches: dict[tuple[str, int], Watch | None] = {}
            found: dict[tuple[str, tuple[str, ...]], tuple[Condition, ...] | None] = {}
            asked: dict[str, tuple[Condition, ...]] = {}
            for vehicle in due.vehicles:
                alike = vehicle.model, vehicle.fleets
                if alike not in found:
                    found[alike] = None
                    with self._faults.sparing(PART, f"vehicle {vehicle.vin} and those like it"):
                        found[alike] = self._wanted(vehicle.vin, vehicle.model, watches)
                wanted = found[alike]
                if wanted is not None:
                    asked[vehicle.vin] = wanted
            if self._lists.settle(due, asked, self._clock_ms()):
                return

    def _wanted(
        self, vin: str, model: str, watches: dict[tuple[str, int], Watch | None]
    ) -> tuple[Condition, ...] | None:
        """What the vehicle, and all of its model in the same fleets, is to watch; None: as before, nobody knows."""
        try:
            profile = self._profiles.of(model).profile
        except ConfigurationError:
            return None
        found: dict[Condition, None] = {}
        for monitor in self._monitors.of_vehicle(vin):
            if monitor.status == "Running":
                with self._faults.sparing(PART, f"monitor {monitor.id} of fleet {monitor.fleet_id}"):
                    key = monitor.id, monitor.version
                    if key not in watches:
                        watches[key] = _watch(monitor)
                    each = watches[key]
                    if each is not None:
                        found |= dict.fromkeys(conditions([each], profile))
        wanted = tuple(found)
        kept = fitting(wanted)
        if len(kept) < len(wanted):
            log.warning(
                "vehicles of model %s such as %s: a watch list has room for %d of %d conditions; what the others wait"
                " for is told with regular uploads",
                model,
                vin,
                len(kept),
                len(wanted),
            )
        return kept

    def _publish(self) -> None:
        while not self._working.stopping and (waiting := self._to_publish()):
            taken = self._line.publish({each.vin: payload for each, payload in waiting})
            if not taken:
                return
            for vin in self._lists.published([each for each, _ in waiting if each.vin in taken]):
                self._line.take_back(vin)
            if len(taken) < len(waiting):
                return

    def _to_publish(self) -> list[tuple[Listed, bytes]]:
        """Each with what is published; empty where there is nothing more."""
        found: list[tuple[Listed, bytes]] = []
        for each in self._lists.to_publish(AT_ONCE + len(self._unsaid)):
            if (each.vin, each.number) in self._unsaid or len(found) == AT_ONCE:
                continue
            self._unsaid.add((each.vin, each.number))
            with self._faults.sparing(PART, f"vehicle {each.vin}"):
                found.append((each, self._signed(each)))
                self._unsaid.remove((each.vin, each.number))
        return found

    def _signed(self, listed: Listed) -> bytes:
        """The same bytes each time: who has the list already sees that it is the same."""
        identity = sha256(listed.document).digest()[:ID_BYTES]
        command = Command(identity, listed.vin, MAXIMUM_UTC_MS, Watching(listed.document), listed.number)
        return encode_command(command, self._key)

    def _take(self, said: Report) -> None:
        vin, report = said
        if self._strangers.turned_away(vin, WATCH_REPORT, encode_report(report)):
            self._line.take_back(vin)
            return
        if report.number > self._clock_ms() + FARTHEST_AHEAD_MS:
            log.warning("vehicle %s says it watches list %d: there cannot be such a one", vin, report.number)
            return
        own = self._lists.listed(vin)
        if own is None and report.number == 0:
            return
        if own is None or report.number > own.number:
            if self._lists.renumber(vin, report.number, self._clock_ms()):
                log.warning("vehicle %s watches list %d, which is not known here: it gets another", vin, report.number)
            else:
                self._line.take_back(vin)  # It was erased just now.
        elif report.number < own.number:
            self._lists.publish_again(vin)
        elif report.digest != digest(own.document):
            self._lists.renumber(vin, report.number, self._clock_ms())
        elif self._lists.reported(vin, report.number, report.skipped) and report.skipped:
            log.warning("vehicle %s cannot watch %s", vin, ", ".join(report.skipped))


def _watch(monitor: Monitor) -> Watch | None:
    try:
        return watch(read(monitor.body))
    except Exception as error:  # noqa: BLE001 (whoever evaluates it finds it broken too)
        # It was checked when it was made, by rules that may have changed since.
        log.error("monitor %s of fleet %s is not pushed down: %s", monitor.id, monitor.fleet_id, error)
        return None
