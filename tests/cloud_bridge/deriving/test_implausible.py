"""What uploads say that cannot be reaches no answer, and is counted."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

from msgspec.structs import replace

from cloud_bridge.records.model import Trip
from contract.upload import Change, Upload
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.deriving.derived import ALWAYS, BOOT, KINDS, all_messages, answers
from tests.cloud_bridge.vehicle import EPOCH_MS, LATITUDE, LONGITUDE, ODOMETER, SPEED, encode


def odometer(upload: Upload, tenths: int) -> Upload:
    """The upload with another odometer."""
    changes = [Change(one.at_ms, one.signal, tenths if one.signal == ODOMETER else one.raw) for one in upload.changes]
    return replace(upload, changes=tuple(changes))


def column(upload: Upload, signal: int, row: int, raw: int) -> Upload:
    """The upload with another value of a signal of its grid."""
    (grid,) = upload.grids
    columns = [list(values) for values in grid.columns]
    columns[signal - SPEED][row] = raw
    return replace(upload, grids=(replace(grid, columns=tuple(map(tuple, columns))),))


def everything(cloud: Cloud) -> set[object]:
    """All values that can be read of telemetry, and all positions."""
    values = {value for message in all_messages(cloud) for value in message.values.values()}
    return values | {(one.longitude, one.latitude) for one in cloud.reader.positions(BOOT.vin, ALWAYS)}


def test_an_impossible_speed_odometer_and_position_are_published_nowhere_and_counted(cloud: Cloud) -> None:
    cloud.send_manifest()
    uploads = [
        BOOT.upload(0),
        odometer(BOOT.upload(1), 9_999_999),
        column(BOOT.upload(2), SPEED, 4, 6553),
        odometer(BOOT.upload(3), 0),
        column(BOOT.upload(4), LONGITUDE, 5, 90_000_000),
        odometer(BOOT.upload(5), 1_000_000),
        column(BOOT.upload(6), LATITUDE, 5, 910_000_000),
        BOOT.upload(7),
    ]
    cloud.send(*map(encode, uploads))
    read = everything(cloud)
    status = cloud.reader.status(BOOT.vin)
    assert status is not None
    (trip,) = cloud.reader.records(Trip, BOOT.vin, ALWAYS)
    assert read.isdisjoint({999_999.9, 655.3, 0.0, (9.0, 48.0), (2.3, 91.0)})
    assert {100_000.0, 100_000.6, 36.0} < read
    assert status.known["odometer.mileage"].value == 100_000.7
    assert trip.maximum_speed_kmh == 36.0
    assert len(cloud.reader.positions(BOOT.vin, ALWAYS)) == 78
    assert cloud.receiving.intake(BOOT.vin).implausible == {
        "kinetic.speed": {"limits": 1},
        "odometer.mileage": {"back": 1, "jump": 1, "zero": 1},
        "position": {"jump": 1},
        "position.latitude": {"limits": 1},
    }


def test_pages_of_telemetry_count_what_is_left_out(cloud: Cloud) -> None:
    cloud.send_manifest()
    said = odometer(BOOT.upload(1, ignition=None), 5)
    cloud.send(BOOT.payload(0), encode(said), BOOT.payload(2))
    total, everything = cloud.reader.messages(BOOT.vin, ALWAYS, KINDS, 0, 1 << 30)
    # Thirty of the grid, and one of changes in each of two uploads: of the third nothing is left.
    assert total == len(everything) == 32
    assert EPOCH_MS + 10_100 not in {message.at_ms for message in everything}
    pages = [cloud.reader.messages(BOOT.vin, ALWAYS, KINDS, offset, 5) for offset in range(0, 35, 5)]
    assert [message for _, page in pages for message in page] == everything
    assert {count for count, _ in pages} == {total}


def test_what_came_late_is_judged_as_if_it_had_come_in_time(tmp_path: Path) -> None:
    """Which of two odometers is the wrong one is told by what was said before both."""
    uploads = [encode(one) for one in (BOOT.upload(0), odometer(BOOT.upload(1), 7), BOOT.upload(2), BOOT.upload(3))]
    found = []
    for place, order in enumerate(permutations(uploads)):
        (tmp_path / str(place)).mkdir()
        cloud = Cloud(tmp_path / str(place))
        cloud.register_both()
        cloud.send_manifest()
        for upload in order:
            cloud.send(upload)
            cloud.deriver.derive(BOOT.vin)
        found.append((answers(cloud), cloud.rows("implausible")))
        cloud.database.close()
    assert all(each == found[0] for each in found)
    assert [row[1:] for row in found[0][1]] == [(EPOCH_MS + 10_100, "odometer.mileage", "back")]


def test_the_counts_of_a_vehicle_are_those_of_its_uploads_also_after_a_rebuild(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(BOOT.payload(0), encode(odometer(BOOT.upload(1), 7)), encode(column(BOOT.upload(2), SPEED, 4, 6553)))
    cloud.deriver.derive(BOOT.vin)
    before = cloud.receiving.intake(BOOT.vin).implausible
    assert before
    cloud.deriver.rebuild(BOOT.vin)
    assert cloud.receiving.intake(BOOT.vin).implausible == before
