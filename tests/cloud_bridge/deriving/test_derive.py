"""What is derived depends on the set of uploads, and on nothing else."""

from __future__ import annotations

import dataclasses
import logging
import random
import tempfile
import threading
from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cloud_bridge.deriving.folding import HOUR_MS
from cloud_bridge.records.model import RECORDS, Alert, Message, Trip
from cloud_bridge.store.port.derived import Dating, Extent, Step
from cloud_bridge.store.port.errors import DerivingError, StaleError
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.derived import SqliteDerived
from cloud_bridge.store.sqlite.reader import SqliteReader
from contract.catalog import TELEMETRY_KINDS
from contract.upload import Anchor, AnchorSource, Privacy, Reason, Upload
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.vehicle import (
    EPOCH_MS,
    MANIFEST_BODY,
    PROFILE,
    VIN,
    Boot,
    anchor,
    encode,
    thinned,
    undecodable,
)

ALWAYS = [(0, 1 << 62)]
KINDS = frozenset(TELEMETRY_KINDS)
DERIVED = ("anchor", "chunk", "status", "record", "implausible")
BOOT = Boot()


def derived(cloud: Cloud) -> dict[str, list[tuple[object, ...]]]:
    cloud.deriver.derive(VIN)
    return {table: cloud.rows(table) for table in DERIVED}


def answers(cloud: Cloud) -> bytes:
    """Everything that the API can read of the vehicle, in bytes."""
    reader = cloud.reader
    return msgspec.msgpack.encode(
        (
            reader.status(VIN),
            [reader.records(kind, VIN, ALWAYS) for kind in RECORDS],
            reader.messages(VIN, ALWAYS, KINDS, 0, 1 << 30),
            reader.positions(VIN, ALWAYS),
        )
    )


def all_messages(cloud: Cloud) -> list[Message]:
    return cloud.reader.messages(VIN, ALWAYS, KINDS, 0, 1 << 30)[1]


def test_a_read_reflects_every_upload_receipted_before_it(cloud: Cloud) -> None:
    cloud.send_manifest()
    for sequence in range(4):
        cloud.send(BOOT.payload(sequence))
        status = cloud.reader.status(VIN)
        assert status is not None
        assert status.updated_at_ms == EPOCH_MS + sequence * 10_000 + 9000


def test_uploads_wait_for_their_manifest(cloud: Cloud) -> None:
    cloud.send(BOOT.payload(0))
    assert cloud.reader.status(VIN) is None
    assert cloud.receiving.intake(VIN).waiting_for_manifest == 1
    cloud.send_manifest()
    assert cloud.reader.status(VIN) is not None
    assert cloud.receiving.intake(VIN).waiting_for_manifest == 0


def test_nothing_is_published_before_there_is_an_anchor_and_then_all_of_the_boot_is(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(*[Boot(anchor=None).payload(sequence) for sequence in range(3)])
    assert cloud.reader.status(VIN) is None
    assert all_messages(cloud) == []
    assert cloud.receiving.intake(VIN).waiting_for_time == 3
    cloud.send(BOOT.payload(3))
    assert all_messages(cloud)[0].at_ms == EPOCH_MS
    assert cloud.receiving.intake(VIN).waiting_for_time == 0


def test_an_anchor_found_after_the_agent_restarted_dates_what_was_before(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(Boot(anchor=None).payload(0))
    restarted = Boot(BOOT.id[:8] + b"restarts")
    cloud.send(restarted.payload(7))
    assert all_messages(cloud)[0].at_ms == EPOCH_MS


def test_an_upload_with_an_impossible_anchor_waits_for_a_possible_one(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(Boot(anchor=Anchor(2**42 - 1, 0, 1, AnchorSource.GNSS)).payload(0))
    assert cloud.reader.status(VIN) is None
    assert cloud.receiving.intake(VIN).waiting_for_time == 1
    cloud.send(BOOT.payload(1))
    assert all_messages(cloud)[0].at_ms == EPOCH_MS


def test_an_anchor_of_another_kernel_boot_dates_nothing(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(Boot(anchor=None).payload(0), Boot(b"another!" + BOOT.id[8:]).payload(7))
    assert all_messages(cloud)[0].at_ms == EPOCH_MS + 70_000


def test_an_upload_and_its_thinned_copies_give_the_same_in_any_order_and_when_rebuilt(tmp_path: Path) -> None:
    fuller = [BOOT.payload(sequence, speed_kmh=30.0 + sequence) for sequence in range(3)]
    leaner = thinned(BOOT.upload(1, speed_kmh=31.0))
    found = []
    for place, sent in enumerate([[*fuller], [fuller[0], leaner, fuller[2], fuller[1]], [*fuller, leaner]]):
        (tmp_path / str(place)).mkdir()
        cloud = Cloud(tmp_path / str(place))
        cloud.register_both()
        cloud.send_manifest()
        for payload in sent:
            cloud.send(payload)
            answers(cloud)
        found.append((answers(cloud), derived(cloud)))
        cloud.deriver.rebuild(VIN)
        found.append((answers(cloud), derived(cloud)))
        cloud.database.close()
    assert all(each == found[0] for each in found)


def test_what_only_the_copy_that_goes_had_said_goes_with_it(cloud: Cloud) -> None:
    cloud.send_manifest()
    leaner = thinned(Boot(anchor=anchor(error_ms=5000)).upload(0))
    cloud.send(Boot(anchor=None).payload(1), leaner)
    assert all_messages(cloud)[0].at_ms == EPOCH_MS + 5000
    cloud.send(BOOT.payload(0))
    assert all_messages(cloud)[0].at_ms == EPOCH_MS
    assert [row[4] for row in cloud.rows("anchor")] == [50]


def test_a_fuller_copy_that_cannot_be_read_leaves_what_a_rebuild_would(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(thinned(BOOT.upload(0)))
    assert cloud.reader.status(VIN) is not None
    cloud.send(undecodable(BOOT.upload(0)))
    before = (answers(cloud), derived(cloud))
    assert cloud.reader.status(VIN) is None
    cloud.deriver.rebuild(VIN)
    assert (answers(cloud), derived(cloud)) == before


def test_a_fuller_copy_that_comes_while_the_other_is_derived_is_not_passed_over(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(thinned(BOOT.upload(0)))
    store = SqliteDerived(cloud.database)
    seen = store.extent(VIN)
    pending = store.ready(VIN, 10)
    cloud.send(BOOT.payload(0))
    with pytest.raises(StaleError):
        store.put_step(VIN, seen, Step({}, [], [], pending), cloud.now_ms)
    speeds = [message.at_ms for message in all_messages(cloud) if (message.at_ms - EPOCH_MS) % 1000 == 0]
    assert speeds == [EPOCH_MS + second * 1000 for second in range(10)]


def test_a_better_anchor_dates_the_whole_boot_anew_and_ids_survive_it(cloud: Cloud) -> None:
    cloud.send_manifest()
    rough = Boot(anchor=anchor(error_ms=900_000, uncertainty_ms=1000))
    cloud.send(*[rough.payload(sequence, oil=True) for sequence in range(5)])
    assert all_messages(cloud)[0].at_ms == EPOCH_MS + 900_000
    (rough_trip,) = cloud.reader.records(Trip, VIN, ALWAYS)
    (rough_alert,) = cloud.reader.records(Alert, VIN, ALWAYS)
    cloud.send(BOOT.payload(5))
    assert all_messages(cloud)[0].at_ms == EPOCH_MS
    (trip,) = cloud.reader.records(Trip, VIN, ALWAYS)
    (alert,) = cloud.reader.records(Alert, VIN, ALWAYS)
    assert (trip.started_at_ms, rough_trip.started_at_ms - trip.started_at_ms) == (EPOCH_MS + 100, 900_000)
    assert (trip.id, alert.id, alert.started_at_ms) == (rough_trip.id, rough_alert.id, EPOCH_MS + 100)


def test_an_anchor_of_the_future_dates_nothing_and_is_counted(cloud: Cloud) -> None:
    cloud.send_manifest()
    years_ms = 12 * 365 * 24 * HOUR_MS
    cloud.send(Boot(anchor=anchor(error_ms=years_ms, uncertainty_ms=1)).payload(0))
    assert cloud.reader.status(VIN) is None
    intake = cloud.receiving.intake(VIN)
    assert (intake.waiting_for_time, intake.ledger["future_anchor"]) == (1, 1)
    cloud.send(BOOT.payload(1))
    assert all_messages(cloud)[0].at_ms == EPOCH_MS


def test_one_upload_that_is_an_hour_off_dates_nothing_and_is_counted(cloud: Cloud) -> None:
    cloud.send_manifest()
    off = Boot(anchor=anchor(5000, error_ms=-HOUR_MS, uncertainty_ms=1))
    cloud.send(BOOT.payload(0), off.payload(1), Boot(anchor=anchor(10_000_000)).payload(2))
    assert all_messages(cloud)[0].at_ms == EPOCH_MS - HOUR_MS
    cloud.send(Boot(anchor=anchor(20_000_000)).payload(3))
    cloud.now_ms += 30_000_000
    cloud.send(Boot(anchor=anchor(20_000_000)).payload(4), Boot(anchor=anchor(10_000_000)).payload(5))
    assert all_messages(cloud)[0].at_ms == EPOCH_MS
    assert cloud.receiving.intake(VIN).contradicting_anchors == 1


class Counting(SqliteDerived):
    """Counts the uploads that are derived, again or for the first time."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.derived = 0

    def put_step(self, vin: str, extent: Extent, step: Step, now_ms: int) -> Extent:
        self.derived += len(step.chunks)
        return super().put_step(vin, extent, step, now_ms)


def test_an_anchor_each_hour_dates_the_hour_before_anew_and_not_the_whole_boot(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.now_ms += 30 * HOUR_MS
    counting = Counting(cloud.database)
    cloud.deriver._store = counting
    for number in range(24 * 60):
        hour_ms = number // 60 * HOUR_MS
        drifted = Boot(length_s=60, anchor=anchor(hour_ms, hour_ms * 50 // 1_000_000, 20))
        cloud.send(encode(replace(drifted.upload(number), grids=(), changes=())))
        if number % 10 == 9:
            cloud.deriver.derive(VIN)
    assert 24 * 60 < counting.derived <= 2 * 24 * 60 + 24
    dates = {int(str(row[2])): int(str(row[3])) for row in cloud.rows("chunk")}
    for number in range(0, 23 * 60, 60):
        assert dates[number] == EPOCH_MS + number * 60_000 + number * 3


@pytest.mark.parametrize(
    ("privacy", "cause"), [(Privacy.GEOLOCATION, "GeoPrivacy"), (Privacy.FULL, "FullPrivacy")], ids=["geo", "full"]
)
@pytest.mark.parametrize(
    ("private", "fault"),
    [(range(3), "Unstarted"), (range(3, 5), "DataLacking"), (range(5, 8), "Unfinished")],
    ids=["start", "between", "end"],
)
def test_where_in_a_trip_privacy_hides_data_is_its_fault_in_whatever_order_uploads_come(
    tmp_path: Path, private: range, privacy: Privacy, fault: str, cause: str
) -> None:
    uploads = BOOT.private_drive(0, private, privacy)
    answered = set()
    for order in (uploads, uploads[::-1], uploads[::2] + uploads[1::2], uploads[3:] + uploads[:3] + uploads[2:5]):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        cloud = Cloud(folder)
        cloud.register_both()
        cloud.send_manifest()
        for upload in order:
            cloud.send(upload)
            cloud.deriver.derive(VIN)
        # Parked ten minutes later: the trip is over, whether its end was told or not.
        parked = replace(BOOT.upload(67, ignition=False, speed_kmh=0.0), privacy=Privacy.NONE)
        cloud.send(encode(parked))
        (trip,) = cloud.reader.records(Trip, VIN, ALWAYS)
        assert [(one.fault, one.cause) for one in trip.faults] == [(fault, cause)]
        answered.add(answers(cloud))
        cloud.database.close()
    assert len(answered) == 1


def test_an_upload_whose_columns_lie_is_quarantined_and_holds_up_nothing(cloud: Cloud) -> None:
    cloud.send_manifest()
    bad = undecodable(BOOT.upload(1))
    cloud.send(BOOT.payload(0), bad, BOOT.payload(2))
    assert len(cloud.reader.positions(VIN, ALWAYS)) == 20
    ((_, _, _, _, _, detail, *_, payload),) = cloud.rows("quarantine")
    assert payload == bad
    assert "sequence 1" in str(detail)
    cloud.deriver.rebuild(VIN)
    assert len(cloud.rows("quarantine")) == 1
    assert sum(cloud.receiving.intake(VIN).refusals.values()) == 1


class Answers(msgspec.Struct):
    status: object
    trips: list[object]


def fresh(sequences: tuple[int, ...]) -> Answers:
    """Of a bridge that got these at once."""
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(Path(folder))
        cloud.register_both()
        cloud.send_manifest()
        cloud.send(*[BOOT.payload(sequence) for sequence in sequences])
        result = Answers(cloud.reader.status(VIN), [*cloud.reader.records(Trip, VIN, ALWAYS)])
        cloud.database.close()
        return result


def test_an_upload_that_says_it_covers_years_is_quarantined_and_one_of_a_week_is_not(cloud: Cloud) -> None:
    cloud.send_manifest()
    lying, long = BOOT.upload(0), BOOT.upload(1)
    cloud.send(encode(replace(lying, end_ms=2**42 - 1)), encode(replace(long, end_ms=long.start_ms + 7 * 24 * HOUR_MS)))
    assert all_messages(cloud)[0].at_ms == EPOCH_MS + 10_000
    assert cloud.receiving.intake(VIN).refusals == {"out_of_range": 1}


def test_a_reader_does_not_wait_for_ever_for_what_another_is_deriving(cloud: Cloud) -> None:
    with cloud.deriver._locks[VIN]:
        with pytest.raises(DerivingError, match="being derived"):
            cloud.deriver.derive(VIN, 0.01)
        cloud.send_manifest()
        cloud.send(BOOT.payload(0))
    assert cloud.reader.status(VIN) is not None


def test_late_uploads_reopen_the_trip_they_belong_to(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(*[BOOT.payload(sequence) for sequence in (0, 1, 2, 200, 201, 202)])
    early, _ = cloud.reader.records(Trip, VIN, ALWAYS)
    assert early.done
    cloud.send(*[BOOT.payload(sequence) for sequence in range(3, 200)])
    trips = cloud.reader.records(Trip, VIN, ALWAYS)
    assert [trip.id for trip in trips] == [early.id]
    assert trips == fresh(tuple(range(203))).trips


def test_in_order_uploads_continue_from_the_last_state(cloud: Cloud) -> None:
    cloud.send_manifest()
    for sequence in range(40):
        cloud.send(BOOT.payload(sequence))
        cloud.deriver.derive(VIN)
    assert len(cloud.rows("checkpoint")) == 1
    assert cloud.reader.status(VIN) == fresh(tuple(range(40))).status


def test_checkpoints_are_one_an_hour_then_one_a_day(cloud: Cloud) -> None:
    cloud.send_manifest()
    minutes = Boot(length_s=600)
    for day in range(7):
        uploads = [minutes.upload(day * 144 + number) for number in range(144)]
        cloud.send(*[encode(replace(upload, grids=())) for upload in uploads])
        cloud.deriver.derive(VIN)
    rows = cloud.rows("checkpoint")
    spans = [row[2] for row in rows]
    until = [int(str(row[1])) // HOUR_MS for row in rows]
    assert spans.count(0) <= 1
    assert len(set(until)) >= len(until) - 1
    assert 72 <= len(rows) <= 72 + 7


def test_a_profile_that_changed_is_derived_again_with(cloud: Cloud, tmp_path: Path) -> None:
    cloud.send_manifest()
    cloud.send(BOOT.payload(0))
    assert "kinetic.speed" in msgspec.to_builtins(cloud.reader.status(VIN))["known"]
    cloud.database.close()
    later = Cloud(tmp_path)
    without_speed = PROFILE.replace('"kinetic.speed" = { from = "Motion.Speed" }', "")
    (tmp_path / "vehicles" / "test-car.toml").write_text(without_speed)
    status = later.reader.status(VIN)
    assert status is not None
    assert "kinetic.speed" not in status.known
    assert "odometer.mileage" in status.known
    later.database.close()


def test_a_profile_that_changes_while_serving_is_derived_again_with(
    cloud: Cloud, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.send_manifest()
    cloud.send(BOOT.payload(0))
    file = tmp_path / "vehicles" / "test-car.toml"

    def known() -> set[str]:
        status = cloud.reader.status(VIN)
        assert status is not None
        return set(status.known)

    before = known()
    file.write_text(PROFILE.replace('"kinetic.speed" = { from = "Motion.Speed" }', ""))
    assert known() == before - {"kinetic.speed"}
    file.write_text("half a prof")
    assert known() == known() == before - {"kinetic.speed"}
    (complaint,) = (each for each in caplog.records if each.levelno >= logging.ERROR)
    assert "test-car.toml" in complaint.getMessage()
    file.write_text(PROFILE)
    assert known() == before
    file.unlink()
    assert known() == before


def test_a_sweep_derives_again_what_was_derived_with_another_profile(cloud: Cloud, tmp_path: Path) -> None:
    cloud.send_manifest()
    cloud.send(BOOT.payload(0))
    assert (cloud.deriver.sweep(), cloud.deriver.sweep()) == (1, 0)
    before = cloud.rows("status")
    file = tmp_path / "vehicles" / "test-car.toml"
    file.write_text(PROFILE.replace('"kinetic.speed" = { from = "Motion.Speed" }', ""))
    assert (cloud.deriver.sweep(), cloud.deriver.sweep()) == (1, 0)
    assert cloud.rows("status") != before


def test_a_vehicle_without_a_profile_waits_and_the_others_do_not(cloud: Cloud) -> None:
    other = Boot(vin="VF3TESTCAR0000002")
    cloud.send(other.payload(0), vin=other.vin)
    cloud.send_manifest(vin=other.vin)
    with cloud.database.write() as connection:
        connection.execute("UPDATE vehicle SET model = 'gone' WHERE vin = ?", (VIN,))
    cloud.send(BOOT.payload(0))
    cloud.send_manifest()
    assert cloud.deriver.sweep() == 2
    assert cloud.reader.status(VIN) is None
    assert cloud.reader.status(other.vin) is not None


def drive() -> list[Upload]:
    """Three kernel boots: one with a restart and a late, better anchor; one whose anchor is off, so that it overlaps
    the first, and was further off before; one without an anchor. Two trips; an alert that ends, one that does not."""
    first = Boot(b"kernel01agent001", anchor=None)
    restarted = Boot(b"kernel01agent002", anchor=anchor(error_ms=300, uncertainty_ms=400))
    better = dataclasses.replace(restarted, anchor=anchor(uncertainty_ms=20))
    rough = Boot(b"kernel02agent000", anchor=anchor(error_ms=-4_000_000, uncertainty_ms=5000))
    second = Boot(b"kernel02agent001", anchor=anchor(error_ms=95_000))
    undated = Boot(b"kernel03agent001", anchor=None)
    return [
        *(first.upload(sequence, door=sequence == 1) for sequence in range(4)),
        *(restarted.upload(sequence, oil=sequence in (5, 6)) for sequence in range(4, 9)),
        better.upload(9),
        better.upload(10, ignition=False, speed_kmh=0),
        better.upload(11, ignition=None, speed_kmh=0, reason=Reason.SLEEP),
        *(rough.upload(sequence, door=True) for sequence in range(3)),
        *(second.upload(sequence, oil=True if sequence == 5 else None) for sequence in range(3, 9)),
        second.upload(60, ignition=False, speed_kmh=0),
        undated.upload(0),
    ]


@cache
def expected() -> tuple[bytes, dict[str, list[tuple[object, ...]]]]:
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(Path(folder))
        cloud.register_both()
        cloud.send_manifest()
        cloud.send(*map(encode, drive()))
        result = answers(cloud), derived(cloud)
        assert len(cloud.reader.records(Trip, VIN, ALWAYS)) == 2
        assert len(cloud.reader.records(Alert, VIN, ALWAYS)) == 2
        cloud.database.close()
        return result


@pytest.mark.slow
@settings(max_examples=25)
@given(st.randoms(use_true_random=False), st.integers(1, 6), st.integers(1, 5), st.floats(0, 1), st.booleans())
def test_any_order_duplication_and_delay_gives_the_same_bytes(
    randomly: random.Random, size: int, look_at: int, looking: float, rebuilt: bool
) -> None:
    messages: list[bytes] = [*map(encode, drive())]
    messages += randomly.sample(messages, 8)
    messages.insert(0, MANIFEST_BODY)
    randomly.shuffle(messages)
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(Path(folder), look_at)
        cloud.register_both()
        while messages:
            batch, messages = messages[:size], messages[size:]
            if MANIFEST_BODY in batch:
                batch.remove(MANIFEST_BODY)
                cloud.send_manifest()
            cloud.send(*batch)
            if randomly.random() < looking:
                answers(cloud)
        if rebuilt:
            cloud.deriver.rebuild(VIN)
        assert answers(cloud) == expected()[0]
        assert derived(cloud) == expected()[1]
        cloud.database.close()


def test_pages_of_telemetry_are_the_whole_in_pieces(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(*map(encode, drive()))
    for kinds in (frozenset({"vehicle"}), frozenset({"vehicle.doorsState"}), KINDS):
        for within in (ALWAYS, [(EPOCH_MS + 12_345, EPOCH_MS + 99_000), (EPOCH_MS + 90_000, EPOCH_MS + 111_000)]):
            total, everything = cloud.reader.messages(VIN, within, kinds, 0, 1 << 30)
            assert everything == [
                message
                for message in cloud.reader.messages(VIN, ALWAYS, kinds, 0, 1 << 30)[1]
                if any(start <= message.at_ms < end for start, end in within)
            ]
            assert total == len(everything) > 0
            for size in (1, 7):
                pages = [cloud.reader.messages(VIN, within, kinds, offset, size) for offset in range(0, total, size)]
                assert [message for _, page in pages for message in page] == everything
                assert {count for count, _ in pages} == {total}
            assert len({one.at_ms for one in everything}) == total


def test_pages_of_positions_are_the_whole_in_pieces(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(*map(encode, drive()))
    for within in (ALWAYS, [(EPOCH_MS + 12_345, EPOCH_MS + 61_000), (EPOCH_MS + 90_000, EPOCH_MS + 111_000)]):
        everything = cloud.reader.positions(VIN, within)
        total = len(everything)
        for size in (1, 7):
            pages = [cloud.reader.page_of_positions(VIN, within, offset, size) for offset in range(0, total, size)]
            assert [position for _, page in pages for position in page] == everything
            assert {count for count, _ in pages} == {total}


def test_a_page_of_positions_opens_what_it_shows_and_no_more(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(*map(BOOT.payload, range(10)))
    cloud.deriver.derive(VIN)
    asked: list[str] = []
    with cloud.reader.snapshot(), cloud.database.read() as connection:
        connection.set_trace_callback(asked.append)
        total, page = cloud.reader.page_of_positions(VIN, ALWAYS, 55, 5)
        connection.set_trace_callback(None)
    assert (total, len(page)) == (100, 5)
    assert sum(one.startswith("SELECT body FROM chunk") for one in asked) == 1


def test_readers_never_see_records_half_derived(cloud: Cloud) -> None:
    """While uploads of one trip come late and in pieces, and its boot is dated anew."""
    cloud.send_manifest()
    rough = Boot(anchor=anchor(error_ms=5000, uncertainty_ms=900))
    cloud.send(*[rough.payload(sequence) for sequence in range(30)])
    ended = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not ended.is_set():
            trips = cloud.reader.records(Trip, VIN, ALWAYS)
            status = cloud.reader.status(VIN)
            started = {trip.started_at_ms for trip in trips}
            if len(trips) != 1 or not started <= {EPOCH_MS + 100, EPOCH_MS + 5100} or status is None:
                wrong.append(trips)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for sequence in range(30, 60):
        cloud.send((BOOT if sequence > 45 else rough).payload(sequence))
    ended.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert cloud.reader.status(VIN) == fresh(tuple(range(60))).status


def test_two_processes_may_derive_one_vehicle_at_once(cloud: Cloud, tmp_path: Path) -> None:
    """Two bridges on one database: separate locks, so only the database stands between them."""
    other = Cloud(tmp_path, look_at=2)
    cloud.send_manifest()
    ended = threading.Event()

    def derive() -> None:
        while not ended.is_set():
            other.deriver.derive(VIN)

    thread = threading.Thread(target=derive)
    thread.start()
    order = [*range(0, 60, 2), *range(1, 60, 2)]
    for first in range(0, 60, 3):
        cloud.send(*[BOOT.payload(sequence) for sequence in order[first : first + 3]])
        cloud.deriver.derive(VIN)
    ended.set()
    thread.join()
    other.database.close()
    expected_now = fresh(tuple(range(60)))
    assert (cloud.reader.status(VIN), cloud.reader.records(Trip, VIN, ALWAYS)) == (
        expected_now.status,
        expected_now.trips,
    )
    assert len(cloud.rows("chunk")) == 60


def test_a_reader_that_finds_records_half_derived_by_another_process_derives_again(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(BOOT.payload(0))
    cloud.deriver.derive(VIN)
    store = SqliteDerived(cloud.database)
    calls: list[str] = []

    def derive(vin: str) -> None:
        calls.append(vin)
        if len(calls) > 1:
            cloud.deriver.derive(vin)
            return
        # The other process is between its two steps: the chunk is dropped, the records still tell of it.
        off = anchor(error_ms=1000)
        datings = {BOOT.id[:8]: Dating((off,), (off,), [(0, None)])}
        store.put_step(vin, store.extent(vin), Step(datings, [], [], []), 0)

    assert SqliteReader(cloud.database, derive, derive).positions(VIN, ALWAYS) != []
    assert len(calls) == 2


def left_off(store: SqliteDerived, steps: int, at_once: int = 2) -> None:
    """A process that is killed after so many steps of a rebuild."""
    profile = store.extent(VIN).profile
    for _ in zip(range(steps), store.forget(VIN, profile, at_once), strict=False):
        pass


FORGETTING = range(1, 8)
"""How many steps: after the last of these it is over (`lived`, two rows at once)."""


def lived(cloud: Cloud) -> None:
    """Of everything something: of a boot that waits for its time, and what cannot be decoded, too."""
    cloud.send_manifest()
    waiting = Boot(b"w" * 16, anchor=None)
    cloud.send(*[BOOT.payload(number, oil=number > 2) for number in range(6)], waiting.payload(0))
    cloud.send(undecodable(BOOT.upload(7)))
    cloud.deriver.derive(VIN)


@pytest.mark.parametrize("steps", FORGETTING)
def test_a_reader_in_the_middle_of_a_rebuild_by_another_process_finds_what_it_would_without(
    cloud: Cloud, steps: int
) -> None:
    lived(cloud)
    before = answers(cloud)
    calls: list[str] = []

    def derive(vin: str) -> None:
        calls.append(vin)
        if len(calls) > 1:
            cloud.deriver.derive(vin)
            return
        left_off(SqliteDerived(cloud.database), steps)

    cloud.reader = SqliteReader(cloud.database, derive, derive)
    assert answers(cloud) == before
    assert len(calls) > 1


@pytest.mark.parametrize("steps", FORGETTING)
def test_a_rebuild_that_is_killed_between_two_steps_is_taken_up_by_whoever_derives_next(
    cloud: Cloud, tmp_path: Path, steps: int
) -> None:
    lived(cloud)
    told, rows, waits = answers(cloud), derived(cloud), cloud.rows("pending")
    left_off(SqliteDerived(cloud.database), steps)
    assert SqliteDerived(cloud.database).extent(VIN).is_half_forgotten == (steps < FORGETTING[-1])
    cloud.database.close()
    again = Cloud(tmp_path)
    assert again.deriver.sweep() == 1
    assert (answers(again), derived(again), again.rows("pending")) == (told, rows, waits)
    left_off(SqliteDerived(again.database), steps)
    assert not again.deriver.rebuild(VIN)
    assert answers(again) == told
    again.database.close()


def test_what_comes_while_a_vehicle_is_being_forgotten_is_derived_with_the_rest(cloud: Cloud, tmp_path: Path) -> None:
    lived(cloud)
    uploads = iter([BOOT.payload(20), Boot(b"a" * 16).payload(0), Boot(b"z" * 16).payload(0)])
    for _ in SqliteDerived(cloud.database).forget(VIN, SqliteDerived(cloud.database).extent(VIN).profile, 2):
        cloud.send(*[payload for payload in [next(uploads, None)] if payload is not None])
    (tmp_path / "other").mkdir()
    other = Cloud(tmp_path / "other")
    other.register_both()
    lived(other)
    other.send(BOOT.payload(20), Boot(b"a" * 16).payload(0), Boot(b"z" * 16).payload(0))
    assert (answers(cloud), derived(cloud)) == (answers(other), derived(other))
    other.database.close()


def test_of_two_processes_that_forget_a_vehicle_at_once_the_second_looks_again(cloud: Cloud) -> None:
    lived(cloud)
    told, rows = answers(cloud), derived(cloud)
    store = SqliteDerived(cloud.database)
    profile = store.extent(VIN).profile
    one, other = (store.forget(VIN, profile, 2) for _ in range(2))
    with pytest.raises(StaleError):
        for _ in zip(one, other, strict=True):
            pass
    assert (answers(cloud), derived(cloud)) == (told, rows)


def test_what_was_computed_from_an_older_state_is_not_written(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(BOOT.payload(0))
    store = SqliteDerived(cloud.database)
    before = store.extent(VIN)
    cloud.deriver.derive(VIN)
    with pytest.raises(StaleError):
        store.put_step(VIN, before, Step({}, [], [], []), 0)
