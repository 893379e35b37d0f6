"""Whatever befalls a bridge on the way, its records are those of a bridge that got the same set of uploads at once."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from cloud_bridge.deriving.deriver import LOOK_AT
from cloud_bridge.profiles import Profiles
from cloud_bridge.records.model import Alarm, Alert, Collision, Trip
from cloud_bridge.store.sqlite.derived import SqliteDerived
from contract.upload import Count, Event, Privacy, Reason, Upload
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.deriving.derived import ALWAYS, answers, derived, drive
from tests.cloud_bridge.deriving.test_implausible import column, odometer
from tests.cloud_bridge.vehicle import LONGITUDE, MODEL, PROFILE, SPEED, VIN, Boot, anchor, encode, thinned

RICHER = PROFILE.replace(
    "[data]",
    """[data]
"alarm.status.activation" = { from = "Body.Door", values = { Closed = "Inactive", Open = "Active" } }
"alarm.trigger.type" = { from = "Lamps.Oil", values = { Off = "NoBreakIn", On = "RoofBreakIn" } }
"collision.side" = { from = "Body.Door", values = { Open = "Rear" } }
"propulsion" = { from = "Body.Ignition", values = { Off = "Electric", On = "Thermal" } }
""",
)
WRONG = PROFILE.replace('"kinetic.speed" = { from = "Motion.Speed" }', "").replace('"On"', '"Off"')
PROFILES = (PROFILE, RICHER, WRONG)


def happened(upload: Upload, at_ms: int) -> Upload:
    return replace(upload, reason=Reason.EVENT, events=(Event(at_ms, "crash"),))


def uploads() -> list[bytes]:
    """Boots that overlap and are dated anew; crashes, alerts, sleep; what cannot be; thinned copies; privacy."""
    first = Boot(b"kernel00agent001", anchor=anchor(error_ms=-8_000_000))
    hour = Boot(b"kernel04agent001", anchor=anchor(error_ms=2_780_000))
    # Its third upload begins with an hour, so that there is a checkpoint before.
    made = [
        first.upload(0),
        odometer(first.upload(1), 1_100_000),
        *drive()[::2],
        hour.upload(0, door=False),
        happened(hour.upload(1), 14_321),
        happened(hour.upload(2, door=True, oil=True), 14_321),
        odometer(hour.upload(3, oil=True), 0),
        column(hour.upload(4, oil=False, door=False), LONGITUDE, 3, 90_000_000),
        column(hour.upload(5, door=True), SPEED, 3, 6553),
        hour.upload(6, ignition=False, speed_kmh=0),
        replace(hour.upload(8), privacy=Privacy.GEOLOCATION),
    ]
    copies = [thinned(one) for one in made[::3] if one.grids] + [hidden(hour.upload(2))]
    private = Boot(b"kernel05agent001", anchor=anchor(error_ms=2_900_000)).private_drive(0, range(3, 5), Privacy.FULL)
    return [*map(encode, made), *copies, *private]


def hidden(upload: Upload) -> bytes:
    """What privacy leaves of a copy that was not sent yet."""
    ledger = replace(upload.ledger, counts={**upload.ledger.counts, Count.THINNED: 1000})
    return encode(replace(upload, grids=(), changes=(), ledger=ledger, privacy=Privacy.FULL))


def opened(folder: Path, profile: str, look_at: int = LOOK_AT) -> Cloud:
    """A bridge on the database in `folder`, some hours after all of it."""
    cloud = Cloud(folder, look_at)
    cloud.now_ms += 10_000_000
    (folder / "vehicles" / f"{MODEL}.toml").write_text(profile, encoding="utf-8")
    return cloud


POOL = uploads()


class AnyHistory(RuleBasedStateMachine):
    """A bridge that lives through anything."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.profile = PROFILE
        self.cloud = opened(Path(self.folder.name), self.profile)
        self.cloud.register_both()
        self.sent: set[int] = set()
        self.has_manifest = False

    @initialize(early=st.booleans())
    def the_manifest_comes_first(self, early: bool) -> None:
        if early:
            self.the_manifest_comes()

    @rule(numbers=st.lists(st.sampled_from(range(len(POOL))), min_size=1, max_size=8), looks=st.booleans())
    def uploads_come(self, numbers: Sequence[int], looks: bool) -> None:
        self.cloud.send(*[POOL[number] for number in numbers])
        self.sent.update(numbers)
        if looks:
            self.somebody_reads()

    @rule(first=st.integers(0, len(POOL)), at_once=st.integers(1, 4))
    def what_is_lacking_comes_the_newest_first(self, first: int, at_once: int) -> None:
        """As a vehicle sends it that was out of reach, while somebody looks."""
        lacking = sorted(set(range(first, len(POOL))) - self.sent, reverse=True)
        for place in range(0, len(lacking), at_once):
            self.uploads_come(lacking[place : place + at_once], looks=True)

    @rule()
    def the_manifest_comes(self) -> None:
        self.cloud.send_manifest()
        self.has_manifest = True

    @rule()
    def somebody_reads(self) -> None:
        answers(self.cloud)

    @rule()
    def the_sweep_passes(self) -> None:
        self.cloud.deriver.sweep()

    @rule()
    def the_bridge_restarts(self) -> None:
        self.cloud.database.close()
        self.cloud = opened(Path(self.folder.name), self.profile, look_at=3)

    @rule()
    def everything_is_rebuilt(self) -> None:
        self.cloud.deriver.rebuild(VIN)

    @rule(steps=st.integers(1, 20), at_once=st.integers(1, 5))
    def a_rebuild_is_killed(self, steps: int, at_once: int) -> None:
        digest = Profiles(Path(self.folder.name) / "vehicles").of(MODEL).digest
        forgetting = SqliteDerived(self.cloud.database).forget(VIN, digest, at_once)
        for _ in zip(range(steps), forgetting, strict=False):
            pass

    @rule(number=st.integers(0, len(PROFILES) - 1))
    def the_profile_is_corrected(self, number: int) -> None:
        self.profile = profile = PROFILES[number]
        (Path(self.folder.name) / "vehicles" / f"{MODEL}.toml").write_text(profile, encoding="utf-8")

    @invariant()
    def no_trip_overlaps_another(self) -> None:
        trips = self.cloud.reader.records(Trip, VIN, ALWAYS) if self.has_manifest and len(self.sent) > 30 else []
        for trip, following in pairwise(trips):
            assert trip.stopped_at_ms is not None
            assert trip.stopped_at_ms <= following.started_at_ms

    def teardown(self) -> None:
        lived = state(self.cloud)
        self.cloud.database.close()
        self.folder.cleanup()
        assert lived == at_once(self.profile, sorted(self.sent), has_manifest=self.has_manifest)


def state(cloud: Cloud) -> tuple[object, ...]:
    """All that can be read and all that is derived."""
    return answers(cloud), derived(cloud), cloud.receiving.intake(VIN).implausible


def at_once(profile: str, numbers: Sequence[int], *, has_manifest: bool) -> tuple[object, ...]:
    """Of a fresh bridge that gets these uploads in one batch."""
    with tempfile.TemporaryDirectory() as folder:
        cloud = opened(Path(folder), profile)
        cloud.register_both()
        if has_manifest:
            cloud.send_manifest()
        cloud.send(*[POOL[number] for number in numbers])
        result = state(cloud)
        cloud.database.close()
        return result


TestAnyHistory = pytest.mark.slow(AnyHistory.TestCase)
TestAnyHistory.settings = settings(max_examples=40, stateful_step_count=20)


def test_the_pool_has_records_of_every_kind_and_what_cannot_be(tmp_path: Path) -> None:
    cloud = opened(tmp_path, RICHER)
    cloud.register_both()
    cloud.send_manifest()
    cloud.send(*POOL)
    counts = [len(cloud.reader.records(kind, VIN, ALWAYS)) for kind in (Trip, Alert, Collision, Alarm)]
    trips = cloud.reader.records(Trip, VIN, ALWAYS)
    implausible = cloud.receiving.intake(VIN).implausible
    cloud.database.close()
    assert all(count >= 2 for count in counts), counts
    assert any(trip.segments for trip in trips)
    assert any(trip.faults for trip in trips)
    assert set(implausible) == {"kinetic.speed", "odometer.mileage", "position"}
