"""What was received long ago is deleted; what is told of later stays as it was, to the byte."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cloud_bridge.deriving.folding import DAY_MS, cut
from cloud_bridge.pruning import Pruned, Pruner
from cloud_bridge.records.fold import Stretch
from cloud_bridge.records.model import Alert, Collision, Message, Trip
from cloud_bridge.settings import Retention, read_settings
from cloud_bridge.store.sqlite.pruning import SqlitePruning
from contract.configuration import ConfigurationError, Duration
from contract.upload import Anchor, AnchorSource, Event, Reason
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.deriving.derived import ALWAYS, answers
from tests.cloud_bridge.vehicle import EPOCH_MS, MANIFEST_BODY, MODEL, PROFILE, VIN, Boot, encode, thinned

OIL = (None, True, False)
KEPT = Duration.parse("62d")
NOON_MS = EPOCH_MS // DAY_MS * DAY_MS + DAY_MS // 2


def boot(day: int, number: int = 0, *, dated: bool = True) -> Boot:
    """Uploads from noon of a day on."""
    anchor = Anchor(0, NOON_MS + day * DAY_MS + number * 3_600_000, 50, AnchorSource.GNSS)
    return Boot(b"%8d--------" % (10 * day + number), anchor=anchor if dated else None)


def drive(day: int, number: int = 0, oil: bool | None = None) -> list[bytes]:
    """A minute: parked, driving, parked, asleep."""
    of = boot(day, number)
    return [
        of.payload(0, ignition=False, speed_kmh=0.0, oil=oil),
        *[of.payload(sequence, speed_kmh=30.0 + sequence + day) for sequence in range(1, 5)],
        of.payload(5, ignition=False, speed_kmh=0.0, reason=Reason.SLEEP),
    ]


def received(cloud: Cloud, day: int) -> None:
    """What comes now comes in the evening of that day."""
    cloud.now_ms = NOON_MS + day * DAY_MS + 20_000_000


def prune(cloud: Cloud, day: int, raw: Duration = KEPT, derived: Duration = KEPT, at_once: int = 200) -> Pruned:
    received(cloud, day)
    return Pruner(SqlitePruning(cloud.database), Retention(raw, derived), lambda: cloud.now_ms, at_once).prune()


def live(cloud: Cloud, *days: int) -> None:
    """A drive on each day, received then."""
    for day in days:
        received(cloud, day)
        cloud.send_manifest()
        cloud.send(*drive(day))
    cloud.deriver.derive(VIN)


def trips(cloud: Cloud) -> list[Trip]:
    return cloud.reader.records(Trip, VIN, ALWAYS)


def day_of(at_ms: int) -> int:
    return (at_ms - NOON_MS) // DAY_MS


def test_what_is_kept_is_counted_from_reception_and_not_from_the_vehicle_s_time(cloud: Cloud) -> None:
    live(cloud, 0, 1, 2)
    received(cloud, 30)
    cloud.send(*drive(-2000))
    cloud.deriver.derive(VIN)
    assert not prune(cloud, 62)
    assert prune(cloud, 64) == Pruned(uploads=12, derived=12)
    assert [day_of(trip.started_at_ms) for trip in trips(cloud)] == [-2000, 2]
    assert prune(cloud, 65) == Pruned(uploads=6, derived=6)
    assert [day_of(trip.started_at_ms) for trip in trips(cloud)] == [-2000]
    assert prune(cloud, 93) == Pruned(uploads=6, manifests=1, derived=6)
    assert trips(cloud) == []


def test_when_the_last_goes_nothing_is_told_of_the_vehicle_any_more_and_it_begins_anew(cloud: Cloud) -> None:
    live(cloud, 0, 1)
    prune(cloud, 100)
    tables = ("upload", "manifest", "chunk", "checkpoint", "record", "status", "anchor", "kept_anchor", "pending")
    assert [cloud.rows(table) for table in tables] == [[]] * len(tables)
    assert cloud.reader.status(VIN) is None
    live(cloud, 101)
    assert [day_of(trip.started_at_ms) for trip in trips(cloud)] == [101]


def test_what_is_told_of_later_stays_the_same_and_a_rebuild_gives_it_again(cloud: Cloud) -> None:
    days = range(5)
    live(cloud, *days)
    before = cloud.reader.status(VIN), trips(cloud), cloud.reader.positions(VIN, ALWAYS)
    assert prune(cloud, 64)
    status, left, positions = cloud.reader.status(VIN), trips(cloud), cloud.reader.positions(VIN, ALWAYS)
    assert status == before[0]
    assert left == before[1][2:]
    assert positions == before[2][-len(positions) :]
    assert day_of(positions[0].at_ms) == 2
    told = answers(cloud)
    assert not cloud.deriver.rebuild(VIN)
    assert answers(cloud) == told
    live(cloud, 66)
    assert trips(cloud)[:-1] == left


def test_an_alert_that_began_in_what_is_deleted_keeps_its_beginning(cloud: Cloud) -> None:
    cloud.send_manifest()
    for day, oil in ((0, True), (1, None), (2, None)):
        received(cloud, day)
        cloud.send(*drive(day, oil=oil))
    (alert,) = cloud.reader.records(Alert, VIN, ALWAYS)
    prune(cloud, 63)
    assert cloud.reader.records(Alert, VIN, ALWAYS) == [alert]
    assert not cloud.deriver.rebuild(VIN)
    received(cloud, 64)
    cloud.send(*drive(64, oil=False))
    (ended,) = cloud.reader.records(Alert, VIN, ALWAYS)
    assert (ended.id, ended.started_at_ms) == (alert.id, alert.started_at_ms)
    assert day_of(ended.ended_at_ms or 0) == 64
    # It goes with the day in which it ended.
    prune(cloud, 65)
    assert cloud.reader.records(Alert, VIN, ALWAYS) == [ended]
    prune(cloud, 130)
    assert cloud.reader.records(Alert, VIN, ALWAYS) == []


def test_data_of_a_time_that_is_deleted_come_late_and_change_nothing_after_it(cloud: Cloud) -> None:
    live(cloud, 0, 1, 2)
    prune(cloud, 64)
    (of_day_2,) = [trip for trip in trips(cloud) if day_of(trip.started_at_ms) == 2]
    status = cloud.reader.status(VIN)
    received(cloud, 64)
    cloud.send_manifest()
    cloud.send(*drive(0, 3), *drive(1, 2))
    assert [day_of(trip.started_at_ms) for trip in trips(cloud)] == [0, 1, 2]
    assert trips(cloud)[-1] == of_day_2
    assert cloud.reader.status(VIN) == status
    told = answers(cloud)
    assert not cloud.deriver.rebuild(VIN)
    assert answers(cloud) == told
    prune(cloud, 66)
    assert [day_of(trip.started_at_ms) for trip in trips(cloud)] == [0, 1]
    assert cloud.reader.status(VIN) == status


def test_what_comes_late_across_the_end_of_what_is_deleted_is_told_whole(cloud: Cloud) -> None:
    live(cloud, 0, 1, 2)
    prune(cloud, 64)
    received(cloud, 65)
    cloud.send_manifest()
    # Day 1 was told until 60 s after noon.
    for kernel, after_s in ((b"straddle", 55), (b"followed", 62)):
        at = Anchor(0, NOON_MS + DAY_MS + after_s * 1000, 50, AnchorSource.GNSS)
        cloud.send(Boot(kernel + bytes(8), anchor=at).payload(0))
        cloud.deriver.derive(VIN)
    told = answers(cloud)
    seconds = [(position.at_ms - NOON_MS - DAY_MS) // 1000 for position in cloud.reader.positions(VIN, ALWAYS)]
    assert seconds[:17] == list(range(55, 72))
    assert not cloud.deriver.rebuild(VIN)
    assert answers(cloud) == told


def test_what_began_before_a_deleted_time_is_over_or_gone_with_it(cloud: Cloud) -> None:
    live(cloud, 1)
    cloud.send(*[boot(1, 1).payload(0, oil=False)])
    # A day before that comes late: an alert that the deleted day ended, and a drive of which nobody told the end.
    received(cloud, 30)
    cloud.send(*[boot(0).payload(sequence, oil=True) for sequence in range(3)])
    received(cloud, 63)
    cloud.send(*drive(63))
    assert len(cloud.reader.records(Alert, VIN, ALWAYS)) == 1
    (left, *_) = trips(cloud)
    assert left.done
    assert prune(cloud, 64) == Pruned(uploads=7, derived=7)
    assert cloud.reader.records(Alert, VIN, ALWAYS) == []
    told = answers(cloud)
    assert not cloud.deriver.rebuild(VIN)
    assert answers(cloud) == told
    # That the last drive of the deleted day was over is told by what came after it: it stays until that is deleted too.
    assert [day_of(trip.started_at_ms) for trip in trips(cloud)] == [0, 1, 63]
    assert trips(cloud)[0] == left
    received(cloud, 64)
    cloud.send(*drive(64))
    cloud.deriver.derive(VIN)
    prune(cloud, 126)
    assert [day_of(trip.started_at_ms) for trip in trips(cloud)] == [64]


def test_a_day_of_which_something_came_late_stays_as_a_whole(cloud: Cloud) -> None:
    live(cloud, 0, 1)
    received(cloud, 5)
    cloud.send(*drive(0, 2))
    cloud.deriver.derive(VIN)
    # The uploads go by themselves, what is derived of them does not.
    assert prune(cloud, 63) == Pruned(uploads=6, derived=0)
    assert [day_of(trip.started_at_ms) for trip in trips(cloud)] == [0, 0, 1]
    assert prune(cloud, 66) == Pruned(uploads=6, derived=6)
    assert [day_of(trip.started_at_ms) for trip in trips(cloud)] == [0, 0]
    assert prune(cloud, 68) == Pruned(uploads=6, manifests=1, derived=12)


@pytest.mark.parametrize("crashed_ms", [54_321, 69_321], ids=["a while before the last", "at the very last"])
def test_a_collision_that_is_deleted_does_not_come_back_with_what_is_driven_later(
    cloud: Cloud, crashed_ms: int
) -> None:
    received(cloud, 0)
    cloud.send_manifest()
    crashed = replace(boot(0).upload(6), reason=Reason.EVENT, events=(Event(crashed_ms, "crash"),))
    cloud.send(*drive(0), encode(crashed))
    live(cloud, 1, 2)
    assert len(cloud.reader.records(Collision, VIN, ALWAYS)) == 1
    prune(cloud, 63)
    assert cloud.reader.records(Collision, VIN, ALWAYS) == []
    live(cloud, 64)
    received(cloud, 65)
    cloud.send(*drive(0, 5), *drive(1, 5))  # Late, so that all since the deleted is folded again.
    assert cloud.reader.records(Collision, VIN, ALWAYS) == []
    assert not cloud.deriver.rebuild(VIN)


def test_a_late_copy_of_a_deleted_upload_is_a_duplicate_and_receipted(cloud: Cloud) -> None:
    live(cloud, 0, 1)
    prune(cloud, 63)
    rows = cloud.rows("upload"), cloud.rows("pending")
    copies = [drive(0)[1], thinned(boot(0).upload(2)), boot(0).payload(3, speed_kmh=99.0)]
    receipts = cloud.send(*copies)
    assert (receipts.uploads, receipts.duplicates, receipts.refused) == (0, 3, 0)
    ((receipt,),) = receipts.by_vin.values()
    assert receipt.held == (range(6),)
    assert (cloud.rows("upload"), cloud.rows("pending")) == rows
    # One that never came is new, and so is one of the same batch.
    receipts = cloud.send(boot(0).payload(6), boot(0).payload(0), boot(0).payload(6))
    assert (receipts.uploads, receipts.duplicates) == (1, 2)


def test_what_is_derived_may_be_kept_longer_and_survives_another_profile(cloud: Cloud, tmp_path: Path) -> None:
    live(cloud, 0, 1, 2)
    told = answers(cloud)
    assert prune(cloud, 20, raw=Duration.parse("18d"), derived=Duration.parse("90d")) == Pruned(uploads=12)
    assert answers(cloud) == told
    assert not cloud.deriver.rebuild(VIN)
    assert answers(cloud) == told
    text = PROFILE.replace('"kinetic.speed" = { from = "Motion.Speed" }\n', "")
    (tmp_path / "vehicles" / f"{MODEL}.toml").write_text(text, encoding="utf-8")
    difference = cloud.deriver.rebuild(VIN)
    # Of the day whose uploads are there, what the profile says now; of the others what it said then.
    assert difference.telemetry.keys() == {"kinetic.speed"}
    assert difference.telemetry["kinetic.speed"] == (180, 120)
    assert [day_of(trip.started_at_ms) for trip in trips(cloud)] == [0, 1, 2]
    assert [trip.maximum_speed_kmh is None for trip in trips(cloud)] == [False, False, True]


def test_the_anchor_of_a_deleted_upload_dates_what_is_left_of_its_boot(cloud: Cloud) -> None:
    cloud.send_manifest()
    received(cloud, 0)
    cloud.send(boot(0).payload(0))
    received(cloud, 10)
    cloud.send(*[boot(0, dated=False).payload(sequence) for sequence in (1, 2)])
    cloud.deriver.derive(VIN)
    assert prune(cloud, 63).uploads == 1
    told = answers(cloud)
    assert not cloud.deriver.rebuild(VIN)
    assert answers(cloud) == told
    # A better anchor dates what can be derived again, and leaves the rest.
    cloud.send(Boot(boot(0).id, anchor=Anchor(0, NOON_MS + 700, 1, AnchorSource.GNSS)).payload(3))
    times = [position.at_ms - NOON_MS for position in cloud.reader.positions(VIN, ALWAYS)]
    assert times == [*range(0, 10_000, 1000), *range(10_700, 40_700, 1000)]
    prune(cloud, 130)
    assert cloud.rows("kept_anchor") == cloud.rows("anchor") == []


def test_a_manifest_that_was_deleted_is_asked_for_again_by_a_bridge_that_knew_it(cloud: Cloud) -> None:
    live(cloud, 0)
    prune(cloud, 63)
    received(cloud, 64)
    receipts = cloud.send(*drive(64))
    assert [one for receipt in receipts.by_vin[VIN] for one in receipt.wanted] != []
    assert cloud.receiving.intake(VIN).waiting_for_manifest == 6
    cloud.send_manifest(MANIFEST_BODY)
    assert [day_of(trip.started_at_ms) for trip in trips(cloud)] == [64]


def test_uploads_that_waited_all_the_time_go_too_and_are_not_asked_for(cloud: Cloud) -> None:
    received(cloud, 0)
    cloud.send(boot(0).payload(0))
    received(cloud, 1)
    cloud.send_manifest()
    cloud.send(boot(1, dated=False).payload(0), b"rubbish")
    assert prune(cloud, 64) == Pruned(uploads=2, manifests=1, quarantined=1)
    assert cloud.rows("pending") == cloud.rows("wanted") == cloud.rows("quarantine") == []
    assert cloud.receiving.intake(VIN).refusals == {"malformed": 1}


def test_it_goes_in_small_steps_and_can_be_left_off_after_each(cloud: Cloud) -> None:
    live(cloud, 0, 1, 2, 3)
    received(cloud, 64)
    steps: list[int] = []

    def go_on() -> bool:
        steps.append(len(cloud.rows("upload")) + len(cloud.rows("chunk")))
        return len(steps) < 3

    pruner = Pruner(SqlitePruning(cloud.database), Retention(), lambda: cloud.now_ms, at_once=4)
    assert pruner.prune(go_on).uploads == 12
    assert steps == [44, 40, 36]
    assert pruner.prune() == Pruned(derived=12)


def test_while_a_vehicle_is_being_derived_nothing_derived_of_it_goes(cloud: Cloud) -> None:
    live(cloud, 0, 1)
    received(cloud, 63)
    cloud.send(*drive(63))
    assert prune(cloud, 64) == Pruned(uploads=12)
    cloud.deriver.derive(VIN)
    assert prune(cloud, 64) == Pruned(derived=12)


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 2), st.integers(0, 8), st.integers(3, 6), st.sampled_from(OIL)),
        min_size=1,
        max_size=8,
    ),
    st.lists(st.integers(0, 12), max_size=3),
)
@settings(max_examples=30, deadline=None)
def test_whatever_came_and_went_a_rebuild_gives_what_is_told(
    drives: list[tuple[int, int, int, int, bool | None]], prunings: list[int]
) -> None:
    """Drives of a day, received some days later, some without their end, some with a lamp that goes on or off; prunings
    on some days, of what is older than three days."""
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(Path(folder))
        cloud.register_both()
        kept = Duration.parse("3d")
        steps = [(day + late, drive(day, number, oil)[:length]) for day, number, late, length, oil in drives]
        for when, uploads in sorted([*steps, *((day, []) for day in prunings)], key=lambda step: step[0]):
            if uploads:
                received(cloud, when)
                cloud.send_manifest()
                cloud.send(*uploads)
                cloud.deriver.derive(VIN)
            else:
                prune(cloud, when, kept, kept)
            told = answers(cloud)
            assert not cloud.deriver.rebuild(VIN)
            assert answers(cloud) == told
        cloud.database.close()


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), max_size=6),
    st.lists(st.integers(0, 50), max_size=4, unique=True),
)
def test_a_stretch_that_is_cut_is_the_same_in_pieces_in_order(spans: list[tuple[int, int]], times: list[int]) -> None:
    stretches = [
        Stretch(first, first + length, [Message(at, {}) for at in range(first, first + length)], ends_asleep=True)
        for first, length in sorted(spans)
    ]
    pieces = list(cut(stretches, sorted(times)))
    assert [piece.from_ms for piece in pieces] == sorted(piece.from_ms for piece in pieces)
    assert not any(piece.from_ms < at < piece.to_ms for piece in pieces for at in times)
    assert all(piece.from_ms <= one.at_ms < piece.to_ms for piece in pieces for one in piece.messages)
    said = sorted(one.at_ms for piece in pieces for one in piece.messages)
    assert said == sorted(one.at_ms for stretch in stretches for one in stretch.messages)
    assert sum(piece.ends_asleep for piece in pieces) == len(stretches)


def test_what_is_derived_cannot_be_kept_for_a_shorter_time(tmp_path: Path) -> None:
    file = tmp_path / "bridge.toml"
    file.write_text('[retention]\nraw = "90d"\n')
    with pytest.raises(ConfigurationError, match=r"retention\.derived: 62 d is shorter than retention\.raw, 90 d"):
        read_settings(file)
    file.write_text('[retention]\nraw = "7d"\nderived = "400d"\n')
    assert read_settings(file).retention == Retention(Duration.parse("7d"), Duration.parse("400d"))


def test_a_seam_that_cannot_be_read_any_more_is_left_out_and_said(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    live(cloud, 0, 1, 2)
    prune(cloud, 63)
    with cloud.database.write() as connection:
        connection.execute("UPDATE checkpoint SET history = x'c1' WHERE span = 3")
    cloud.deriver.rebuild(VIN)
    assert "cannot be read, and is left out" in caplog.text
    assert [day_of(trip.started_at_ms) for trip in trips(cloud)] == [1, 2]
