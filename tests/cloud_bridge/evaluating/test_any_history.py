"""Whatever befalls a bridge on the way, what its monitors tell is what happened, once.

Guaranteed, after each evaluation, over everything that is known by then:

* what is told now is true now, and nothing was told before of what it began;
* all that began while a monitor ran is told: as itself, in the midst of what it began, or as a beginning within two
  minutes that turned out not to have been;
* evaluating again tells nothing, and neither does deriving everything again.

So what is told of the same set of uploads differs between two orders only in what was told early and turned out to be
otherwise. What comes in order is told exactly as if it had come at once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cloud_bridge.profiles import Profiles
from cloud_bridge.store.port.registry import Theft
from cloud_bridge.store.sqlite.derived import SqliteDerived
from tests.cloud_bridge.deriving.test_any_history import POOL, PROFILES, opened
from tests.cloud_bridge.evaluating.truth import Row, is_told, rows, truth
from tests.cloud_bridge.evaluating.world import DOOR, ENDED, FAST, OIL, STARTED, STOLEN, Watched
from tests.cloud_bridge.monitors.bodies import body, data, time, zone
from tests.cloud_bridge.vehicle import EPOCH_MS, MODEL, PROFILE, VIN

SLOW = data("slow1", "vehicle.kinetic.speed", "lowerThan", "20")
LATE = time("late1", {"start": "PT22H14M", "duration": "PT1H"}, timeZone="Etc/UTC")
NEAR = zone("near1", radius=1, at=(2.31, 48.0))
HIT = data("hit1", "vehicle.collision.side", "equalsTo", "Rear")
BROKEN = data("broken1", "vehicle.alarm.trigger.type", "onChange")
MONITORS = (
    (body(FAST, SLOW, condition="fast1 | slow1", refreshEvent=60), -10_000_000),
    (body(OIL), -10_000_000),
    (body(STARTED, ENDED, DOOR, condition="start1 | stop1 | door1"), EPOCH_MS + 30_000),
    (body(LATE, OIL, condition="late1 & !oil1"), EPOCH_MS),
    (body(NEAR, STOLEN, condition="near1 | stolen1", refreshEvent=60), -10_000_000),
    (body(HIT, BROKEN, condition="hit1 | broken1"), EPOCH_MS - 3_600_000),
)


class AnyHistory(RuleBasedStateMachine):
    """A bridge with monitors that lives through anything."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.profile = PROFILE
        self.watched = Watched(opened(Path(self.folder.name), self.profile))
        self.watched.cloud.register_both()
        self.monitors = [
            self.watched.kept.add(str(number), asked, max(1, since_ms))
            for number, (asked, since_ms) in enumerate(MONITORS)
        ]
        self.stolen = False

    @initialize()
    def the_manifest_comes(self) -> None:
        self.watched.cloud.send_manifest()

    @rule(numbers=st.lists(st.sampled_from(range(len(POOL))), min_size=1, max_size=8))
    def uploads_come_and_are_evaluated(self, numbers: Sequence[int]) -> None:
        self.watched.cloud.send(*[POOL[number] for number in numbers])
        self.evaluated()

    @rule(numbers=st.lists(st.sampled_from(range(len(POOL))), min_size=1, max_size=8))
    def uploads_come_and_are_only_derived(self, numbers: Sequence[int]) -> None:
        self.watched.cloud.send(*[POOL[number] for number in numbers])
        self.watched.cloud.deriver.sweep()

    @rule()
    def the_bridge_restarts(self) -> None:
        self.watched.cloud.database.close()
        self.watched = Watched(opened(Path(self.folder.name), self.profile, look_at=3))

    @rule()
    def everything_is_rebuilt(self) -> None:
        self.watched.cloud.deriver.rebuild(VIN)
        self.evaluated()

    @rule(steps=st.integers(1, 20), at_once=st.integers(1, 5))
    def a_rebuild_is_killed(self, steps: int, at_once: int) -> None:
        digest = Profiles(Path(self.folder.name) / "vehicles").of(MODEL).digest
        forgetting = SqliteDerived(self.watched.cloud.database).forget(VIN, digest, at_once)
        for _ in zip(range(steps), forgetting, strict=False):
            pass

    @rule(number=st.integers(0, len(PROFILES) - 1))
    def the_profile_is_corrected(self, number: int) -> None:
        self.profile = profile = PROFILES[number]
        (Path(self.folder.name) / "vehicles" / f"{MODEL}.toml").write_text(profile, encoding="utf-8")

    @precondition(lambda self: not self.stolen)
    @rule(second=st.integers(0, 4000))
    def it_is_stolen(self, second: int) -> None:
        self.watched.cloud.registry.add_theft(VIN, Theft("t", EPOCH_MS + second * 1000))
        self.stolen = True

    @rule()
    def everything_is_delivered(self) -> None:
        self.watched.delivered()

    @rule()
    def evaluated(self) -> None:
        before = {monitor: {row.id for row in self.rows(monitor)} for monitor in self.monitors}
        self.watched.evaluate()
        for monitor, outcome in truth(self.watched.cloud, VIN).items():
            told = self.rows(monitor)
            new = [row for row in told if row.id not in before[monitor]]
            assert {row.id for row in new} <= {event.id for event in outcome.events}
            for row in new:
                if not row.refresh:
                    early = [one for one in told if one.id in before[monitor] and not one.refresh]
                    assert not any(one.is_of(outcome.episodes[row.id]) for one in early), (monitor, row)
            for event in outcome.events:
                assert event.refresh or is_told(outcome.episodes[event.id], told), (monitor, event)
        assert self.watched.evaluate() == 0

    def rows(self, monitor: str) -> list[Row]:
        return rows(self.watched.cloud, monitor, VIN)

    def told(self) -> list[tuple[str, Row]]:
        return sorted(((monitor, row) for monitor in self.monitors for row in self.rows(monitor)), key=str)

    @invariant()
    def states_stand_beside_the_fold_s(self) -> None:
        cloud = self.watched.cloud
        assert {row[:2] for row in cloud.rows("monitor_state")} <= {row[:2] for row in cloud.rows("checkpoint")}

    def teardown(self) -> None:
        self.evaluated()
        told = self.told()
        self.watched.cloud.deriver.rebuild(VIN)
        assert self.watched.evaluate() == 0
        assert self.told() == told
        self.watched.cloud.database.close()
        self.folder.cleanup()


TestAnyHistory = pytest.mark.slow(AnyHistory.TestCase)
TestAnyHistory.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)


def lived(folder: Path, at_once: int) -> tuple[list[list[Row]], list[list[Row]]]:
    """What is told of each monitor when the pool comes in order, so many at a time; and what is true."""
    folder.mkdir()
    watched = Watched(opened(folder, PROFILES[1]))
    watched.cloud.register_both()
    monitors = [watched.kept.add(str(n), asked, max(1, since_ms)) for n, (asked, since_ms) in enumerate(MONITORS)]
    for place in range(0, len(POOL), at_once):
        watched.say(*POOL[place : place + at_once])
    told = [rows(watched.cloud, monitor, VIN) for monitor in monitors]
    outcomes = truth(watched.cloud, VIN)
    happened = [
        [Row(event.id, event.at_ms, event.refresh) for event in outcomes[monitor].events] for monitor in monitors
    ]
    watched.cloud.database.close()
    return told, happened


def test_what_comes_at_once_is_told_as_it_was_with_the_newest_reminder_of_each(tmp_path: Path) -> None:
    told, happened = lived(tmp_path / "all", len(POOL))
    for each, outcome in zip(told, happened, strict=True):
        assert [row for row in each if not row.refresh] == [row for row in outcome if not row.refresh]
        assert {row.id for row in each} <= {row.id for row in outcome}
        assert len(each) >= 2


def test_in_another_order_the_same_is_told_but_for_what_was_told_too_early(tmp_path: Path) -> None:
    whole, _ = lived(tmp_path / "all", len(POOL))
    parts, happened = lived(tmp_path / "parts", 3)
    for at_once, each, outcome in zip(whole, parts, happened, strict=True):
        true = {row.id for row in outcome}
        assert {row.id for row in each if not row.refresh} & true <= {row.id for row in at_once}
