"""What privacy allows to be said, whoever changes it, whenever, and whatever makes the batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from agent.bus.frame import Frame
from agent.plan.plan import Plan
from agent.privacy.enforcing import Enforcing
from agent.privacy.guard import Guard, Outcome, Source, strictest
from agent.privacy.redaction import redaction_of
from agent.sampling.batch import Batch
from agent.sampling.sampler import Sampler
from contract.configuration import ConfigurationError
from contract.upload import Privacy, Reason
from tests.agent.model import motion, state
from tests.agent.privacy import world
from tests.agent.privacy.world import fix, place, wish

NONE, GEOLOCATION, FULL = Privacy.NONE, Privacy.GEOLOCATION, Privacy.FULL


@dataclass
class Vehicle:
    """Second by second: each says a position that was never said before. What is uploaded stays pending."""

    plan: Plan
    file: Path
    send_pending: bool = False
    pending: list[Batch] = field(default_factory=list)
    now_ms: int = 1000
    commands: int = 0
    said: dict[int, int] = field(default_factory=dict)
    """Positional raw values with the time at which they were said."""

    def __post_init__(self) -> None:
        self.guard = Guard(self.file, [Source.BUS], unknown=NONE)
        self.redaction = redaction_of(self.plan)
        self.start()

    def start(self) -> None:
        """Also after a power cut: what is not in the journal is lost, what is kept is read again."""
        self.guard = Guard(self.file, [Source.BUS], unknown=NONE)
        self.enforcing = Enforcing(
            Sampler(self.plan, self.now_ms), self.plan, self.guard, None if self.send_pending else self._remove
        )

    def _remove(self, now: Privacy) -> bool:
        self.pending = [] if now is FULL else [self._held_to(batch, now) for batch in self.pending]
        return True

    def _held_to(self, batch: Batch, now: Privacy) -> Batch:
        cut = self.redaction.without_positions(batch, self.plan.manifest)
        return replace(cut, privacy=strictest(batch.privacy, now))

    def _keep(self, batches: list[Batch]) -> None:
        self.pending += batches
        self.enforcing.confirm()

    def take(self, *frames: Frame) -> None:
        self._keep(self.enforcing.feed(frames))

    def drive(self, seconds: int = 1, speed: int = 5000, word: Privacy | None = None) -> None:
        for _ in range(seconds):
            self.now_ms += 1000
            begin = self.now_ms
            raw = 10_000_000 + begin // 10
            names = [raw, raw + 500_000_000, raw + 1_000_000_000, raw + 300_000_000]
            self.said.update(dict.fromkeys(names, begin))
            words = [wish(begin + 3, word)] if word is not None else []
            self.take(
                state(begin, ignition=1),
                motion(begin + 1, speed=speed),
                place(begin + 2, names[0], names[1]),
                *words,
                fix(begin + 500, names[2], names[3]),
                motion(begin + 600, speed=speed),
            )

    def command(self, word: Privacy) -> None:
        self.commands += 1
        assert self.guard.command(str(self.commands), word, 0, 1 << 60, 0) is Outcome.DONE
        self._keep(self.enforcing.advance(self.now_ms))

    def sleep(self) -> None:
        """The vehicle does; the receiver goes on."""
        self.now_ms += 200_000
        self._keep(self.enforcing.advance(self.now_ms))
        for _ in range(3):
            self.now_ms += 4000
            raw = 10_000_000 + self.now_ms // 10
            self.said.update(dict.fromkeys([raw + 1_000_000_000, raw + 300_000_000], self.now_ms))
            self.take(fix(self.now_ms, raw + 1_000_000_000, raw + 300_000_000))

    def end(self) -> None:
        last = self.enforcing.close(self.now_ms + 1000, Reason.CADENCE)
        self._keep([] if last is None else [last])

    def positions(self) -> Iterator[tuple[int, Batch]]:
        """Every positional value in a pending upload."""
        names = [signal.name for group in self.plan.manifest.groups for signal in group.signals]
        for batch in self.pending:
            for grid in batch.grids:
                numbers = self.plan.groups[grid.group].signals
                for number, column in zip(numbers, grid.columns, strict=True):
                    if names[number] in world.POSITIONAL:
                        yield from ((raw, batch) for raw in column if raw is not None)
            for change in batch.changes:
                if names[change.signal] in world.POSITIONAL and change.raw is not None:
                    yield change.raw, batch

    def told(self) -> list[Privacy]:
        """The states of the uploads without samples."""
        return [batch.privacy for batch in self.pending if not batch.grids and not batch.changes]


@pytest.fixture
def vehicle(plan: Plan, tmp_path: Path) -> Vehicle:
    return Vehicle(plan, tmp_path / "privacy")


def test_without_privacy_everything_is_said(vehicle: Vehicle) -> None:
    vehicle.drive(30, word=NONE)
    vehicle.end()
    found = {raw for raw, _ in vehicle.positions()}
    assert found & vehicle.said.keys()
    assert all(batch.privacy is NONE for batch in vehicle.pending)
    assert vehicle.told() == []  # Nothing has changed.


@pytest.mark.parametrize("who", ["bus", "command"])
def test_without_geolocation_no_position_is_said_and_all_else_is(vehicle: Vehicle, who: str) -> None:
    vehicle.drive(5, word=NONE)
    if who == "command":
        vehicle.command(GEOLOCATION)
        vehicle.drive(95)
    else:
        vehicle.drive(95, word=GEOLOCATION)
    vehicle.end()
    assert list(vehicle.positions()) == []
    assert vehicle.told() == [GEOLOCATION]
    speeds = sum(
        raw is not None
        for batch in vehicle.pending
        for grid in batch.grids
        for raw in grid.columns[0]
        if grid.group == 0
    )
    assert speeds >= 98
    assert {batch.privacy for batch in vehicle.pending} == {GEOLOCATION}


@pytest.mark.parametrize("who", ["bus", "command"])
def test_in_full_privacy_nothing_is_said_but_the_state(vehicle: Vehicle, who: str) -> None:
    vehicle.drive(5, word=NONE)
    if who == "command":
        vehicle.command(FULL)
        vehicle.drive(200, speed=25_000)
    else:
        vehicle.drive(200, speed=25_000, word=FULL)
    vehicle.sleep()
    vehicle.drive(5)
    vehicle.end()
    (only,) = vehicle.pending
    assert (only.privacy, only.grids, only.changes, only.events, only.ledger.counts) == (FULL, (), (), (), {})


def test_each_change_is_told_at_once_and_once(vehicle: Vehicle) -> None:
    vehicle.send_pending = True  # So that what was told stays as it was.
    vehicle.start()
    vehicle.drive(3, word=NONE)
    for word in (GEOLOCATION, FULL, NONE, GEOLOCATION):
        vehicle.command(word)
        vehicle.drive(3)
    assert vehicle.told() == [GEOLOCATION, FULL, NONE, GEOLOCATION]
    assert vehicle.guard.told


def test_a_change_before_a_power_cut_is_told_after_it(vehicle: Vehicle) -> None:
    vehicle.guard.command("1", FULL, 0, 1 << 60, 0)
    vehicle.start()
    vehicle.drive(3)
    assert vehicle.told() == [FULL]
    vehicle.start()
    vehicle.drive(3)
    assert vehicle.told() == [FULL]


def test_one_upload_has_one_state_and_samples_only_of_its_time(vehicle: Vehicle) -> None:
    vehicle.send_pending = True
    vehicle.start()
    vehicle.drive(10, word=NONE)
    vehicle.drive(10, word=GEOLOCATION)
    vehicle.drive(10, word=NONE)
    vehicle.end()
    samples = [batch for batch in vehicle.pending if batch.grids]
    assert [state for state, _ in groupby(batch.privacy for batch in samples)] == [NONE, GEOLOCATION, NONE]
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(samples))
    assert {batch.privacy for _, batch in vehicle.positions()} == {NONE}


def test_the_window_of_an_event_does_not_reach_back_into_the_time_of_privacy(vehicle: Vehicle) -> None:
    vehicle.drive(10, word=GEOLOCATION)
    lifted_ms = vehicle.now_ms + 1000
    vehicle.drive(1, word=NONE)
    vehicle.drive(5, speed=25_000)
    vehicle.end()
    assert next(event.name for batch in vehicle.pending for event in batch.events) == "fast"
    # What was said of the position in the second of the change came just before the word.
    assert all(vehicle.said[raw] >= lifted_ms for raw, _ in vehicle.positions() if raw in vehicle.said)
    assert any(raw in vehicle.said for raw, _ in vehicle.positions())


def test_what_the_receiver_said_under_privacy_while_the_vehicle_slept_is_not_said_afterwards(vehicle: Vehicle) -> None:
    vehicle.drive(3, word=NONE)
    vehicle.command(GEOLOCATION)
    vehicle.sleep()
    lifted_ms = vehicle.now_ms
    vehicle.command(NONE)
    vehicle.sleep()
    vehicle.drive(3)
    vehicle.end()
    found = [vehicle.said[raw] for raw, _ in vehicle.positions() if raw in vehicle.said]
    assert found
    assert min(found) > lifted_ms


def test_that_an_event_made_of_the_position_happened_is_not_told(vehicle: Vehicle) -> None:
    home = place(2500, 1, 4_100_000_000)
    vehicle.drive(1, word=NONE)
    vehicle.take(home)
    assert [event.name for batch in vehicle.pending for event in batch.events] == ["home"]
    vehicle.command(GEOLOCATION)
    vehicle.drive(3)
    vehicle.take(place(vehicle.now_ms + 700, 1, 3), home._replace(at_ms=vehicle.now_ms + 900))
    vehicle.end()
    assert [event.name for batch in vehicle.pending for event in batch.events] == []
    assert list(vehicle.positions()) == []


def test_a_word_that_is_none_changes_nothing(vehicle: Vehicle) -> None:
    vehicle.drive(3, word=GEOLOCATION)
    vehicle.take(wish(vehicle.now_ms + 700, None))
    vehicle.drive(3)
    assert vehicle.guard.state is GEOLOCATION


@dataclass(frozen=True)
class _Step:
    what: str
    word: Privacy
    seconds: int


STEPS = st.lists(
    st.builds(
        _Step,
        st.sampled_from(["bus", "command", "drive", "event", "sleep", "cut"]),
        st.sampled_from(Privacy),
        st.integers(1, 12),
    ),
    max_size=14,
)


@settings(deadline=None, max_examples=60)
@given(steps=STEPS, send_pending=st.booleans())
def test_no_position_that_was_said_under_privacy_is_ever_uploaded(
    plan: Plan, tmp_path_factory: pytest.TempPathFactory, steps: list[_Step], *, send_pending: bool
) -> None:
    vehicle = Vehicle(plan, tmp_path_factory.mktemp("law") / "privacy", send_pending)
    private: list[tuple[int, int]] = []
    """Stretches in which no position may be said."""
    restricted_ms = 0
    for step in steps:
        before = vehicle.guard.state
        begin_ms = vehicle.now_ms
        if step.what == "bus":
            vehicle.drive(step.seconds, word=step.word)
        elif step.what == "command":
            vehicle.command(step.word)
        elif step.what == "drive":
            vehicle.drive(step.seconds)
        elif step.what == "event":
            vehicle.drive(1, speed=25_000)
        elif step.what == "sleep":
            vehicle.sleep()
        else:
            vehicle.start()
        now = vehicle.guard.state
        if before is not NONE and now is not NONE:
            private.append((begin_ms + 1, vehicle.now_ms))
        elif before is not NONE:
            private.append((begin_ms + 1, begin_ms + 999))
        elif now is not NONE:
            private.append((begin_ms + 1001, vehicle.now_ms))
        if now is not NONE and now is not before:
            # In the first second the position came before the word.
            restricted_ms = begin_ms + 1000 if step.what == "bus" else vehicle.now_ms
    vehicle.end()
    for raw, batch in vehicle.positions():
        said_ms = vehicle.said.get(raw)
        if said_ms is None:
            assert batch.privacy is NONE
            continue
        assert not any(begin <= said_ms <= end for begin, end in private)
        assert batch.privacy is NONE
        if not send_pending:
            assert said_ms > restricted_ms or restricted_ms == 0
    if vehicle.guard.state is FULL and not send_pending:
        assert all(not batch.grids and not batch.changes for batch in vehicle.pending)


WRONG = [
    ('from = "Wish.Privacy"', 'from = "Wish.Privcy"', "message Wish has no signal Privcy; did you mean Privacy?"),
    ('NoPlace = "Geo', 'NoPlaces = "Geo', "Wish.Privacy has no value 'NoPlaces'; did you mean NoPlace?"),
    ('= "Geolocation"', '= "Geo"', '"Geo" is not allowed here'),
    ('from = "Wish.Privacy"\n', "", "from and values belong together"),
    (
        'positional = ["Place.Longitude"',
        'positional = ["Place.Longitud"',
        "Place.Longitud is not listed under [signals]",
    ),
]


@pytest.mark.parametrize(("found", "wrong", "expected"), WRONG, ids=[expected for _, _, expected in WRONG])
def test_what_is_wrong_with_the_profile_is_named(tmp_path: Path, found: str, wrong: str, expected: str) -> None:
    assert found in world.PROFILE
    with pytest.raises(ConfigurationError) as error:
        world.plan(tmp_path, world.PROFILE.replace(found, wrong))
    assert expected in str(error.value)


def test_the_signals_that_make_the_position_are_positional_without_being_listed(plan: Plan, tmp_path: Path) -> None:
    assert world.POSITIONAL | {"Modem.Operator"} == plan.privacy.positional
    assert plan.privacy.events == {"home"}
    mapped = world.PROFILE.replace(', "Place.Street"]', "]").replace(
        "[data]", '[data]\n"position.longitude" = { expression = "Place.Longitude + Motion.Level" }'
    )
    positional = world.plan(tmp_path, mapped.replace('positional = ["Place.Longitude"]', "")).privacy.positional
    assert positional & {"Place.Longitude", "Motion.Level", "Place.Street"} == {"Place.Longitude", "Motion.Level"}


@pytest.mark.parametrize("by_bus", [False, True])
def test_an_event_that_nothing_was_to_be_said_of_is_not_named_afterwards(vehicle: Vehicle, by_bus: bool) -> None:
    def say(word: Privacy) -> None:
        if by_bus:
            vehicle.drive(speed=21000, word=word)
        else:
            vehicle.command(word)

    vehicle.drive(3)
    say(FULL)
    vehicle.drive(30)
    vehicle.drive(speed=21000)
    say(NONE)
    changed_ms = vehicle.now_ms + (3 if by_bus else 600)
    vehicle.drive(5, speed=21000)
    vehicle.drive(30)
    vehicle.drive(2, speed=21000)
    vehicle.end()
    events = {event for batch in vehicle.pending for event in batch.events}
    assert events
    assert min(event.at_ms for event in events) >= changed_ms
