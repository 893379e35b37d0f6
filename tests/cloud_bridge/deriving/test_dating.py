"""Anchors date what a vehicle said, also what came before them; those that cannot be date nothing."""

from __future__ import annotations

from msgspec.structs import replace

from cloud_bridge.deriving.folding import HOUR_MS
from cloud_bridge.records.model import Alert, Trip
from cloud_bridge.store.port.derived import Extent, Step
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.derived import SqliteDerived
from contract.upload import Anchor, AnchorSource
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.deriving.derived import ALWAYS, BOOT, all_messages
from tests.cloud_bridge.vehicle import EPOCH_MS, VIN, Boot, anchor, encode


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
