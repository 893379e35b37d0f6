"""What vehicles say that cannot all be true: clocks that were wrong, trips at the same time, two boxes with one VIN."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from cloud_bridge.deriving.folding import HOUR_MS
from cloud_bridge.records.model import Trip
from cloud_bridge.store.port.errors import RegistryError
from cloud_bridge.store.port.registry import Fleet
from contract.manifest import encode_manifest, manifest_id
from contract.upload import Anchor, AnchorSource, Upload, encode_upload
from tests.cloud_bridge.conftest import FLEET, Cloud
from tests.cloud_bridge.deriving.derived import ALWAYS, all_messages, answers
from tests.cloud_bridge.vehicle import EPOCH_MS, LATITUDE, MANIFEST, MODEL, SPEED, VIN, Boot, encode

MINUTES = Boot(length_s=60, anchor=None)


def hour_of_driving(first: int, clock_off_ms: int, source: AnchorSource, uncertainty_ms: int) -> list[Upload]:
    """An upload a minute, each with the time that the box has then."""
    made = []
    for number in range(first, first + 60):
        at_ms = number * 60_000
        said = Anchor(at_ms, EPOCH_MS + at_ms + clock_off_ms, uncertainty_ms, source)
        made.append(replace(MINUTES.upload(number), anchor=said))
    return made


@pytest.mark.parametrize("off_ms", [-HOUR_MS, HOUR_MS], ids=["slow", "fast"])
def test_a_clock_that_was_wrong_for_an_hour_dates_nothing_once_it_is_known_to_be_wrong(
    cloud: Cloud, off_ms: int
) -> None:
    """The box's own clock, until the satellites were seen: all of the boot is dated by these then."""
    cloud.now_ms += 10 * HOUR_MS
    cloud.send_manifest()
    wrong = hour_of_driving(0, off_ms, AnchorSource.SYSTEM, 1000)
    cloud.send(*map(encode, wrong))
    (believed,) = cloud.reader.records(Trip, VIN, ALWAYS)
    assert believed.started_at_ms == EPOCH_MS + off_ms + 100
    cloud.send(*map(encode, hour_of_driving(60, 0, AnchorSource.GNSS, 20)))
    (trip,) = cloud.reader.records(Trip, VIN, ALWAYS)
    assert trip.started_at_ms == EPOCH_MS + 100
    assert trip.distance_km == pytest.approx(72, abs=0.7)
    times = [message.at_ms - EPOCH_MS for message in all_messages(cloud)]
    assert (times[0], times[-1]) == (0, 2 * HOUR_MS - 1000)
    assert cloud.receiving.intake(VIN).contradicting_anchors > 0
    assert cloud.receiving.intake(VIN).implausible == {}


def test_an_hour_in_which_the_clock_was_wrong_between_two_in_which_it_was_right_is_dated_as_these(cloud: Cloud) -> None:
    cloud.now_ms += 10 * HOUR_MS
    cloud.send_manifest()
    right = [hour_of_driving(first, 0, AnchorSource.GNSS, 20) for first in (0, 120)]
    cloud.send(*map(encode, hour_of_driving(60, -HOUR_MS, AnchorSource.SYSTEM, 1000)), *map(encode, right[1]))
    cloud.send(*map(encode, right[0]))
    (trip,) = cloud.reader.records(Trip, VIN, ALWAYS)
    assert (trip.started_at_ms, trip.updated_at_ms) == (EPOCH_MS + 100, EPOCH_MS + 3 * HOUR_MS - 1000)
    assert trip.distance_km == pytest.approx(108, abs=1)


def drive(boot: Boot, seconds: int, north: int) -> list[bytes]:
    """A drive and its end, of one boot; `north`: ten millionths of a degree off the way that all test drives take."""
    made = []
    for number in range(seconds // boot.length_s):
        upload = boot.upload(number, ignition=(number + 1) * boot.length_s < seconds)
        (grid,) = upload.grids
        columns = list(grid.columns)
        columns[LATITUDE - SPEED] = tuple(480_000_000 + north for _ in columns[LATITUDE - SPEED])
        made.append(encode(replace(upload, grids=(replace(grid, columns=tuple(columns)),))))
    return made


def test_two_boots_that_drove_at_the_same_time_by_their_clocks_are_one_trip(cloud: Cloud) -> None:
    """Which of the clocks is off nobody knows: what both say is the vehicle's, and no trip overlaps another."""
    first = Boot(b"kernel01agent001")
    second = Boot(b"kernel02agent001", anchor=Anchor(0, EPOCH_MS + 60_000, 50, AnchorSource.GNSS))
    cloud.send_manifest()
    cloud.send(*drive(first, 120, 0), *drive(second, 120, 0))
    trips = cloud.reader.records(Trip, VIN, ALWAYS)
    spans = [(trip.started_at_ms - EPOCH_MS, (trip.stopped_at_ms or 0) - EPOCH_MS) for trip in trips]
    assert spans == [(100, 110_100), (120_100, 170_100)]
    everything = all_messages(cloud)
    assert len({message.at_ms for message in everything}) == len(everything)


def test_one_vin_is_one_vehicle_in_however_many_fleets(cloud: Cloud) -> None:
    cloud.registry.add_fleet(Fleet("f2", "Another's", "", 2, 2))
    known = cloud.registry.vehicle(VIN)
    assert known is not None
    cloud.registry.add_vehicle(replace(known, id="f" * 40), ["f2"])
    with pytest.raises(RegistryError, match="is there already"):
        cloud.registry.add_vehicle(replace(known, model="another-car"), ["f2"])
    cloud.send_manifest()
    cloud.send(*drive(Boot(), 60, 0))
    mine, theirs = [cloud.reader.fleet_records(Trip, fleet, ALWAYS, 0, 60) for fleet in (FLEET.id, "f2")]
    assert mine == theirs
    assert mine[0] == 1
    shown = cloud.reader.vehicle("f2", known.id)
    assert shown == cloud.reader.vehicle(FLEET.id, known.id)
    assert shown is not None
    assert cloud.reader.vehicle("f2", "f" * 40) is None


def test_of_two_boxes_that_send_as_one_vehicle_at_once_the_first_is_believed_and_the_other_shows_in_the_counts(
    cloud: Cloud,
) -> None:
    """Two cars, 100 km apart, registered under one VIN in two fleets."""
    here = Boot(b"kernel01agent001")
    there = Boot(b"kernel02agent001", anchor=Anchor(0, EPOCH_MS + 5500, 50, AnchorSource.GNSS))
    cloud.send_manifest()
    cloud.send(*drive(there, 120, 9_000_000), *drive(here, 120, 0))
    assert {position.latitude for position in cloud.reader.positions(VIN, ALWAYS)} == {48.0}
    implausible = cloud.receiving.intake(VIN).implausible
    assert implausible["position"] == {"jump": 120}
    (trip,) = cloud.reader.records(Trip, VIN, ALWAYS)
    assert trip.start_position is not None
    assert trip.start_position.latitude == 48.0
    before = answers(cloud)
    cloud.deriver.rebuild(VIN)
    assert answers(cloud) == before


def test_a_vehicle_that_collects_as_another_model_is_named_once(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    other = replace(MANIFEST, model="another-car")
    cloud.send_manifest(encode_manifest(other))
    for number in range(3):
        upload = replace(Boot().upload(number), manifest=manifest_id(other))
        cloud.send(encode_upload(upload, other))
        assert all_messages(cloud)
    (told,) = [record.getMessage() for record in caplog.records if "another-car" in record.getMessage()]
    assert told.startswith(f"vehicle {VIN} collects as the model another-car and is registered as {MODEL}: ")
