"""What happened to a vehicle, from its uploads: crashes by their events, and where, as far as privacy lets it."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

from msgspec.structs import replace

from cloud_bridge.records.model import Alert, Collision, Impact, Protection, Trip
from contract.upload import Count, Event, Privacy, Reason, Upload
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.deriving.derived import ALWAYS, BOOT, answers
from tests.cloud_bridge.vehicle import EPOCH_MS, MODEL, PROFILE, Boot, anchor, encode


def crash(upload: Upload, at_ms: int) -> Upload:
    return replace(upload, reason=Reason.EVENT, events=(Event(at_ms, "ignition"), Event(at_ms, "crash")))


def test_an_upload_that_was_made_for_a_crash_is_a_collision_of_the_crash_s_moment(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(BOOT.payload(0), encode(crash(BOOT.upload(1), 14_321)))
    (collision,) = cloud.reader.records(Collision, BOOT.vin, ALWAYS)
    assert (collision.started_at_ms, collision.impacts) == (EPOCH_MS + 14_321, ())
    assert cloud.reader.record(Collision, BOOT.vin, collision.id) == collision


def test_the_upload_with_what_came_after_a_crash_names_it_again_and_it_is_one_in_any_order(tmp_path: Path) -> None:
    uploads = [
        encode(one)
        for one in (BOOT.upload(0), crash(BOOT.upload(1), 14_321), crash(BOOT.upload(2), 14_321), BOOT.upload(3))
    ]
    found = []
    for place, order in enumerate(permutations(uploads)):
        (tmp_path / str(place)).mkdir()
        cloud = Cloud(tmp_path / str(place))
        cloud.register_both()
        cloud.send_manifest()
        for upload in order:
            cloud.send(upload)
            cloud.deriver.derive(BOOT.vin)
        assert len(cloud.reader.records(Collision, BOOT.vin, ALWAYS)) == 1
        found.append(answers(cloud))
        cloud.database.close()
    assert all(each == found[0] for each in found)


def test_a_crash_under_full_privacy_is_nobody_s_business_and_one_without_a_place_is(cloud: Cloud) -> None:
    cloud.send_manifest()
    hidden = replace(crash(BOOT.upload(0), 4321), grids=(), changes=(), privacy=Privacy.FULL)
    cloud.send(encode(hidden), encode(replace(crash(BOOT.upload(3), 34_321), privacy=Privacy.GEOLOCATION)))
    (collision,) = cloud.reader.records(Collision, BOOT.vin, ALWAYS)
    assert collision.started_at_ms == EPOCH_MS + 34_321


def test_two_drives_back_to_back_are_two_trips_and_the_second_keeps_its_id_when_it_ends(cloud: Cloud) -> None:
    """The ignition is off for ten seconds."""
    cloud.send_manifest()
    for sequence in range(13):
        drives = sequence != 6
        cloud.send(BOOT.payload(sequence, ignition=drives, speed_kmh=36.0 if drives else 0.0))
    first, second = cloud.reader.records(Trip, BOOT.vin, ALWAYS)
    assert (first.started_at_ms, first.stopped_at_ms) == (EPOCH_MS + 100, EPOCH_MS + 60_100)
    assert (second.started_at_ms, second.stopped_at_ms) == (EPOCH_MS + 70_100, None)
    assert (first.start_mileage_km, second.start_mileage_km) == (100_000.0, 100_000.7)
    cloud.send(BOOT.payload(13, ignition=False, speed_kmh=0.0))
    again, over = cloud.reader.records(Trip, BOOT.vin, ALWAYS)
    assert again == first
    assert (over.id, over.stopped_at_ms) == (second.id, EPOCH_MS + 130_100)
    assert over.updated_at_ms > second.updated_at_ms


def test_an_event_that_says_it_was_years_ago_is_quarantined(cloud: Cloud) -> None:
    cloud.send_manifest()
    late = replace(BOOT.upload(0), start_ms=2**40, end_ms=2**40 + 1000, grids=(), changes=())
    cloud.send(encode(crash(late, 5)))
    assert cloud.reader.records(Collision, BOOT.vin, ALWAYS) == []
    assert cloud.receiving.intake(BOOT.vin).refusals == {"out_of_range": 1}


def test_no_position_of_a_private_upload_is_told_anywhere(cloud: Cloud) -> None:
    """As an agent with a fault in it would send them."""
    cloud.send_manifest()
    parked = BOOT.upload(2, oil=False, ignition=False, speed_kmh=0)
    uploads = [BOOT.upload(0), BOOT.upload(1, oil=True), parked]
    cloud.send(*[encode(replace(one, privacy=Privacy.GEOLOCATION)) for one in uploads])
    assert cloud.reader.positions(BOOT.vin, ALWAYS) == []
    (alert,) = cloud.reader.records(Alert, BOOT.vin, ALWAYS)
    (trip,) = cloud.reader.records(Trip, BOOT.vin, ALWAYS)
    status = cloud.reader.status(BOOT.vin)
    assert status is not None
    told = (alert.start_position, alert.end_position, trip.start_position, trip.stop_position, status.position)
    assert told == (None,) * 5


def test_what_privacy_has_taken_out_of_an_upload_since_is_gone_from_all_that_was_made_of_it(cloud: Cloud) -> None:
    cloud.send_manifest()
    told = BOOT.upload(0, oil=True)
    cloud.send(encode(told))
    (before,) = cloud.reader.records(Alert, BOOT.vin, ALWAYS)
    assert before.start_position is not None
    grid = told.grids[0]
    bare = replace(grid, columns=(grid.columns[0], (None,) * 10, (None,) * 10))
    ledger = replace(told.ledger, counts={**told.ledger.counts, Count.THINNED: 20})
    cloud.send(encode(replace(told, grids=(bare,), ledger=ledger, privacy=Privacy.GEOLOCATION)))
    (after,) = cloud.reader.records(Alert, BOOT.vin, ALWAYS)
    status = cloud.reader.status(BOOT.vin)
    assert status is not None
    assert (after.id, after.start_position, status.position) == (before.id, None, None)
    assert cloud.reader.positions(BOOT.vin, ALWAYS) == []


def test_a_collision_loses_what_privacy_has_taken_out_of_the_upload_after_it_since(
    cloud: Cloud, tmp_path: Path
) -> None:
    """The upload that is replaced begins with an hour, at a checkpoint that the collision is open at."""
    profile = PROFILE.replace("[data]", '[data]\n"collision.side" = { from = "Body.Door", values = { Open = "Rear" } }')
    (tmp_path / "vehicles" / f"{MODEL}.toml").write_text(profile, encoding="utf-8")
    cloud.now_ms += 2_800_000
    boot = Boot(anchor=anchor(error_ms=2_780_000))
    told = boot.upload(2, door=True)
    cloud.send_manifest()
    cloud.send(boot.payload(0), encode(crash(boot.upload(1), 14_321)), encode(told))
    (before,) = cloud.reader.records(Collision, BOOT.vin, ALWAYS)
    assert before.impacts == (Impact("Rear"),)
    ledger = replace(told.ledger, counts={**told.ledger.counts, Count.THINNED: 40})
    cloud.send(encode(replace(told, grids=(), changes=(), ledger=ledger, privacy=Privacy.FULL)))
    (after,) = cloud.reader.records(Collision, BOOT.vin, ALWAYS)
    assert (after.id, after.impacts, after.updated_at_ms) == (before.id, (), before.started_at_ms)


def test_the_times_of_privacy_are_records_and_so_are_their_ends(cloud: Cloud) -> None:
    cloud.send_manifest()
    states = (Privacy.NONE, Privacy.GEOLOCATION, Privacy.GEOLOCATION, Privacy.FULL, Privacy.NONE)
    for sequence, state in enumerate(states):
        cloud.send(encode(replace(BOOT.upload(sequence), privacy=state)))
    found = cloud.reader.records(Protection, BOOT.vin, ALWAYS)
    assert [one.state for one in found] == ["Geolocation", "Full"]
    assert [one.started_at_ms for one in found[1:]] == [one.ended_at_ms for one in found[:1]]
    cloud.send(encode(replace(BOOT.upload(5), privacy=Privacy.FULL)))
    assert cloud.reader.records(Protection, BOOT.vin, ALWAYS)[-1].ended_at_ms is None
