"""The fold: what a vehicle said, in order of time, made into records.

A *history* is all that has to be remembered of the past to go on: the newest value of every datum, the open trip, the
open alerts, the last collision. `advance` takes it across one stretch of time and gives the records that begin, change
or end in it; it changes none of its arguments and knows nothing else, so that

* folding stretch by stretch from `History()` and folding on from any history on the way give the same;
* where a flow of messages is cut into stretches makes no difference to the last state of each record, by id. (Cutting
  after a stretch that ends asleep is not a matter of choice: sleep ends a trip.)

Stretches must come in ascending time and not overlap: `lay_out` makes them so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy

import msgspec

from cloud_bridge.records import alarms, alerts, collisions, protections, trips
from cloud_bridge.records.collisions import Latest
from cloud_bridge.records.messages import merge
from cloud_bridge.records.model import Alarm, Alert, Implausible, Known, Message, Position, Protection, Record, Status
from cloud_bridge.records.news import Heard, listen
from cloud_bridge.records.plausibility import Doubts, judge
from cloud_bridge.records.progress import GAP_MS
from cloud_bridge.records.rules import Rules
from cloud_bridge.records.trips import OpenTrip
from cloud_bridge.records.veil import drawn


class History(msgspec.Struct):
    """Everything carried through time. A value: `advance` gives a new one."""

    known: dict[str, Known] = {}
    """The newest value of each datum."""
    position: Position | None = None
    last_ms: int | None = None
    """Time of the newest message."""
    until_ms: int | None = None
    """Everything before is told: the end of the last stretch."""
    at_rest: bool = False
    """The trip rule's datum was heard inactive, and nothing was missed since."""
    hidden: bool = False
    """Full privacy was on, and the trip rule's datum was not heard since."""
    trip: OpenTrip | None = None
    alerts: dict[str, Alert] = {}
    """Open alerts by type."""
    doubts: Doubts = Doubts()
    heard: Heard = msgspec.field(default_factory=Heard)
    collision: Latest | None = None
    trigger: Alarm | None = None
    """How the alarm went off last."""
    protection: Protection | None = None
    """What the vehicle's user keeps to himself now."""


class Stretch(msgspec.Struct, frozen=True):
    """A stretch of a vehicle's time without a cut: [from_ms, to_ms), and what was said in it."""

    from_ms: int
    to_ms: int
    messages: Sequence[Message]
    """In ascending time, one per instant, all in [from_ms, to_ms)."""
    ends_asleep: bool = False
    """Its end is the buses going silent."""


class Advance(msgspec.Struct, frozen=True):
    """What a stretch made of a history."""

    history: History
    records: Mapping[str, Record]
    """Begun, changed or ended, by id: they replace earlier ones."""
    implausible: Sequence[Implausible]
    """What was said in it and is not believed."""


def advance(history: History, stretch: Stretch, rules: Rules) -> Advance:
    """Take `history` across `stretch`. ValueError if the stretch begins before the history's end or is not in order."""
    fold = _Fold(history, rules)
    fold.run(stretch)
    return Advance(fold.history, fold.records, fold.implausible)


def status(history: History) -> Status:
    """The newest value of every datum, the newest position, and how the alarm went off last."""
    return Status(dict(sorted(history.known.items())), history.position, history.last_ms or 0, history.trigger)


def unfinished(history: History) -> dict[str, Record | None]:
    """What may still change of the past, by id, as it is now. None: a trip that is no record yet."""
    found: dict[str, Record | None] = {alert.id: alert for alert in history.alerts.values()}
    if history.protection is not None:
        found[history.protection.id] = history.protection
    if history.collision is not None and history.until_ms is not None:
        crash = history.collision.collision
        if collisions.may_grow(crash, history.until_ms):
            found[crash.id] = crash
    if history.trip is not None:
        found[history.trip.id] = trips.record(history.trip, done=False)
    return found


def lay_out(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """The same stretches, those that overlap joined into one. They come in ascending start, in any order where starts
    are equal; ValueError otherwise.

    A vehicle's uploads do not overlap, but two boots dated by anchors of some uncertainty may. Of joined stretches the
    one with the latest end says whether they end asleep.
    """
    together: list[Stretch] = []
    to_ms = 0
    for stretch in stretches:
        if together and stretch.from_ms < together[-1].from_ms:
            before_ms = together[-1].from_ms
            raise ValueError(f"a stretch from {stretch.from_ms} ms comes after one from {before_ms} ms")
        if together and stretch.from_ms >= to_ms and stretch.from_ms > together[0].from_ms:
            yield _joined(together)
            together = []
        to_ms = max(to_ms, stretch.to_ms) if together else stretch.to_ms
        together.append(stretch)
    if together:
        yield _joined(together)


def _joined(together: Sequence[Stretch]) -> Stretch:
    if len(together) == 1:
        return together[0]
    to_ms, asleep = max((one.to_ms, one.ends_asleep) for one in together)
    return Stretch(together[0].from_ms, to_ms, merge(*(one.messages for one in together)), asleep)


class _Fold:
    """One advance: a copy of the history on its way, and the records it makes."""

    def __init__(self, history: History, rules: Rules) -> None:
        self.history = copy(history)
        self.history.known = dict(history.known)
        self.history.alerts = dict(history.alerts)
        self.history.heard = Heard(history.heard.talked_ms, dict(history.heard.said))
        if history.trip is not None:
            self.history.trip = copy(history.trip)
            self.history.trip.now = copy(history.trip.now)
        self.rules = rules
        self.records: dict[str, Record] = {}
        self.implausible: list[Implausible] = []

    def run(self, stretch: Stretch) -> None:
        history = self.history
        last_ms = max(stretch.from_ms, stretch.from_ms if history.until_ms is None else history.until_ms) - 1
        if stretch.from_ms <= last_ms:
            raise ValueError(f"a stretch from {stretch.from_ms} ms cannot follow a history until {history.until_ms} ms")
        for message in stretch.messages:
            if not last_ms < message.at_ms < stretch.to_ms:
                within = f"[{stretch.from_ms}, {stretch.to_ms}) ms"
                raise ValueError(f"message at {message.at_ms} ms: expected in ascending time and in {within}")
            last_ms = message.at_ms
            self._follow(message)
        self._settle(stretch.to_ms, asleep=stretch.ends_asleep)
        history.until_ms = stretch.to_ms
        if history.trip is not None and stretch.messages:
            self._keep(history.trip, done=False)

    def _follow(self, message: Message) -> None:
        history = self.history
        self._settle(message.at_ms, asleep=False)
        judged = judge(message, history.doubts, history.known, history.position)
        message, history.doubts = judged.message, judged.doubts
        self.implausible += judged.refused
        if message.position is not None:
            history.position = message.position
        self._follow_what_happened(message)
        self._follow_trip(message, judged.doubtful)
        at_ms = message.at_ms
        history.known.update({datum: Known(value, at_ms) for datum, value in message.values.items()})
        history.last_ms = at_ms

    def _follow_what_happened(self, message: Message) -> None:
        """Where it happened is nobody's business while the vehicle keeps its places to itself."""
        history, vin = self.history, self.rules.vin
        veil = drawn(message, history.known)
        position = history.position if veil is None else None
        made: list[Record] = [*alerts.follow(history.alerts, message, position, vin)]
        # Who may say nothing does not talk.
        last_ms = None if veil == "FullPrivacy" else history.last_ms
        news = listen(history.heard, message, last_ms, self.rules.holds_ms)
        latest = collisions.follow(history.collision, message, news, vin)
        if latest is not history.collision and latest is not None:
            history.collision = latest
            made.append(latest.collision)
        for alarm in alarms.follow(news, message, position, vin):
            history.trigger = alarm if alarm.trigger else history.trigger
            made.append(alarm)
        for protection in protections.follow(history.protection, message, vin):
            history.protection = protection if protection.ended_at_ms is None else None
            made.append(protection)
        self.records.update({one.id: one for one in made})

    def _follow_trip(self, message: Message, doubtful: tuple[str, ...]) -> None:
        history, rule = self.history, self.rules.trip
        if rule is None:
            return
        said = message.values.get(rule.datum)
        known, hidden = history.known, history.hidden
        if history.trip is not None:
            trips.follow(history.trip, message, known, rule, hidden=hidden, doubtful=doubtful)
        elif said is not None and said in rule.active:
            history.trip = trips.begin(
                self.rules.vin, message, known, rule, announced=history.at_rest, hidden=hidden, doubtful=doubtful
            )
        if said is not None:
            history.at_rest, history.hidden = said not in rule.active, False
        elif drawn(message, known) == "FullPrivacy":
            history.at_rest, history.hidden = False, True

    def _settle(self, by_ms: int, *, asleep: bool) -> None:
        """Draw what follows from everything before `by_ms` being told."""
        history, rule = self.history, self.rules.trip
        if rule is None:
            return
        if history.trip is not None and (asleep or trips.is_over(history.trip, rule, by_ms)):
            self._keep(history.trip, done=True)
            history.trip = None
        if asleep or (history.last_ms is not None and by_ms - history.last_ms > min(rule.silence_ms, GAP_MS)):
            history.at_rest = False
        if asleep:
            history.hidden = False

    def _keep(self, trip: OpenTrip, *, done: bool) -> None:
        made = trips.record(trip, done=done)
        if made is not None:
            self.records[made.id] = made
