"""What is derived depends on the set of uploads, and on nothing else."""

from __future__ import annotations

import logging
import random
import tempfile
from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cloud_bridge.deriving.folding import HOUR_MS
from cloud_bridge.records.model import Alert, Trip
from contract.upload import Privacy
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.deriving.derived import ALWAYS, BOOT, all_messages, answers, derived, drive, fresh
from tests.cloud_bridge.vehicle import EPOCH_MS, MANIFEST_BODY, PROFILE, VIN, Boot, encode, undecodable


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


def test_an_upload_that_says_it_covers_years_is_quarantined_and_one_of_a_week_is_not(cloud: Cloud) -> None:
    cloud.send_manifest()
    lying, long = BOOT.upload(0), BOOT.upload(1)
    cloud.send(encode(replace(lying, end_ms=2**42 - 1)), encode(replace(long, end_ms=long.start_ms + 7 * 24 * HOUR_MS)))
    assert all_messages(cloud)[0].at_ms == EPOCH_MS + 10_000
    assert cloud.receiving.intake(VIN).refusals == {"out_of_range": 1}


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
