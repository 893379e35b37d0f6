"""What becomes of a batch: what is stored, what is quarantined, and what the vehicles are told."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from itertools import pairwise, permutations
from pathlib import Path

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cloud_bridge.ingest.ingest import Delivery, Ingest
from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.store.sqlite.received import SqliteReceiving
from contract.manifest import Manifest, encode_manifest
from contract.receipt import Receipt, decode_receipt, encode_receipt
from contract.topics import RECEIPT, UP, topic
from contract.upload import MAXIMUM_COUNT, Count, Evicted, Ledger, Privacy, Upload
from contract.wire import digest
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.vehicle import MANIFEST_ID, MODEL, OTHER_VIN, VIN, Boot, encode, thinned

NO_BOOT = bytes(16)
BOOT = Boot()


def test_a_receipt_says_what_is_held_and_asks_for_the_manifest_that_is_lacking(cloud: Cloud) -> None:
    receipts = cloud.send(*[BOOT.payload(sequence) for sequence in (0, 1, 2, 5)])
    assert receipts.by_vin == {VIN: [Receipt(BOOT.id, (range(3), range(5, 6)), (), (MANIFEST_ID,))]}
    assert receipts.uploads == 4


def test_a_manifest_is_not_asked_for_again_once_it_came(cloud: Cloud) -> None:
    cloud.send(BOOT.payload(0))
    assert cloud.ingest.wanted() == {VIN: Receipt(NO_BOOT, wanted=(MANIFEST_ID,))}
    assert cloud.send_manifest().by_vin == {VIN: [Receipt(NO_BOOT)]}
    assert cloud.send(BOOT.payload(1)).by_vin[VIN][0].wanted == ()
    assert cloud.ingest.wanted() == {}


def test_a_manifest_that_came_before_its_uploads_is_not_asked_for(cloud: Cloud) -> None:
    cloud.send_manifest()
    assert cloud.send(BOOT.payload(0)).by_vin[VIN] == [Receipt(BOOT.id, (range(1),))]


def test_a_receipt_tells_the_time_to_vehicles_that_read_it(cloud: Cloud) -> None:
    ingest = Ingest(cloud.receiving, lambda: cloud.now_ms, lambda: cloud.now_ms + 5)
    newer, older = BOOT.payload(0), cbor2.dumps({**cbor2.loads(BOOT.payload(1)), 1: 1}, canonical=True)

    def receipt(payload: bytes) -> Receipt:
        (one,) = ingest.commit([Delivery(topic(VIN, UP), payload)]).by_vin[VIN]
        assert decode_receipt(encode_receipt(one)) == one
        return one

    assert receipt(newer).utc_ms == cloud.now_ms + 5
    assert receipt(older).utc_ms is None
    assert cloud.send(newer).by_vin[VIN][0].utc_ms is None


def test_each_boot_of_each_vehicle_gets_its_own_receipt(cloud: Cloud) -> None:
    restarted = Boot(bytes(reversed(range(16))))
    other = Boot(vin=OTHER_VIN)
    batch = [
        Delivery(topic(boot.vin, UP), boot.payload(sequence))
        for boot, sequence in ((BOOT, 0), (restarted, 0), (other, 3), (BOOT, 1))
    ]
    by_vin = cloud.ingest.commit(batch).by_vin
    assert {(vin, receipt.boot, receipt.held) for vin, of_vin in by_vin.items() for receipt in of_vin} == {
        (VIN, BOOT.id, (range(2),)),
        (VIN, restarted.id, (range(1),)),
        (OTHER_VIN, other.id, (range(3, 4),)),
    }


def test_an_upload_that_comes_twice_is_stored_once_and_receipted_twice(cloud: Cloud) -> None:
    first = cloud.send(BOOT.payload(0))
    again = cloud.send(BOOT.payload(0), BOOT.payload(0))
    assert again.by_vin == first.by_vin
    assert (again.uploads, again.duplicates, again.refused) == (0, 2, 0)
    assert len(cloud.rows("upload")) == 1
    assert cloud.receiving.intake(VIN).duplicates == 2


def test_the_first_payload_under_a_key_stays_and_another_is_quarantined(cloud: Cloud) -> None:
    cloud.send(BOOT.payload(0))
    other = BOOT.payload(0, speed_kmh=99.0)
    receipts = cloud.send(BOOT.payload(1), other)
    assert receipts.by_vin[VIN][0].held == (range(2),)
    assert receipts.by_vin[VIN][0].refused == ()
    assert receipts.refused == 1
    assert [row[-1] for row in cloud.rows("upload")] == [BOOT.payload(0), BOOT.payload(1)]
    assert [(row[4], row[-1]) for row in cloud.rows("quarantine")] == [("conflict", other)]


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("at_once", [True, False])
def test_of_an_upload_and_its_thinned_copies_the_fullest_stays_whichever_came_first(
    cloud: Cloud, order: tuple[int, ...], at_once: bool
) -> None:
    upload = BOOT.upload(0)
    copies = [BOOT.payload(0), thinned(upload, 2), thinned(upload, 4)]
    for batch in [order] if at_once else [(each,) for each in order]:
        receipts = cloud.send(*[copies[each] for each in batch])
        assert receipts.by_vin[VIN][0].held == (range(1),)
        assert receipts.refused == 0
    assert [row[-1] for row in cloud.rows("upload")] == [copies[0]]
    assert len(cloud.rows("pending")) == 1
    assert cloud.rows("quarantine") == []
    intake = cloud.receiving.intake(VIN)
    assert (intake.uploads, intake.duplicates) == (1, 2)
    assert {name: total for name, total in intake.ledger.items() if total} == {"frames": 1000}


@pytest.mark.parametrize("private_first", [True, False])
@pytest.mark.parametrize("copy", [encode, thinned])
def test_a_fuller_copy_does_not_bring_back_what_privacy_has_taken_out(
    cloud: Cloud, private_first: bool, copy: Callable[[Upload], bytes]
) -> None:
    private = copy(replace(BOOT.upload(0), privacy=Privacy.GEOLOCATION))
    cloud.send(*([private, BOOT.payload(0)] if private_first else [BOOT.payload(0), private]))
    assert [row[-1] for row in cloud.rows("upload")] == [private]
    assert cloud.rows("quarantine") == []
    assert cloud.receiving.intake(VIN).duplicates == 1


def test_what_cannot_be_read_is_quarantined_and_refused_and_holds_up_nothing(cloud: Cloud) -> None:
    torn = BOOT.payload(1)[:-7]
    receipts = cloud.send(BOOT.payload(0), torn, b"", BOOT.payload(2))
    (receipt,) = receipts.by_vin[VIN]
    assert receipt.held == (range(1), range(2, 3))
    assert set(receipt.refused) == {digest(torn), digest(b"")}
    assert len(cloud.rows("quarantine")) == 2
    assert cloud.receiving.intake(VIN).refusals == {"malformed": 2}


def test_an_upload_of_another_vehicle_than_its_topic_names_is_refused(cloud: Cloud) -> None:
    lying = Boot(vin=OTHER_VIN).payload(0)
    receipts = cloud.send(lying, vin=VIN)
    assert receipts.by_vin == {VIN: [Receipt(NO_BOOT, refused=(digest(lying),))]}
    assert cloud.rows("upload") == []
    assert cloud.receiving.intake(VIN).refusals == {"vin_mismatch": 1}


def test_a_vehicle_that_is_not_registered_gets_no_receipt_until_it_is(cloud: Cloud) -> None:
    stranger = Boot(vin="VF3STRANGER000009")
    receipts = cloud.send(stranger.payload(0), vin=stranger.vin)
    assert receipts.by_vin == {}
    assert cloud.receiving.refusals() == {stranger.vin: {"unregistered": 1}}
    cloud.register(stranger.vin)
    assert cloud.send(stranger.payload(0), vin=stranger.vin).by_vin[stranger.vin][0].held == (range(1),)


def test_a_topic_that_names_no_vehicle_is_quarantined(cloud: Cloud) -> None:
    receipts = cloud.ingest.commit([Delivery("canlift/v1/../up", BOOT.payload(0)), Delivery(topic(VIN, RECEIPT), b"")])
    assert receipts.by_vin == {}
    assert cloud.receiving.refusals() == {"": {"wrong_topic": 1}, VIN: {"wrong_topic": 1}}


def test_a_manifest_that_cannot_be_read_is_refused_and_still_wanted(cloud: Cloud) -> None:
    cloud.send(BOOT.payload(0))
    receipts = cloud.send_manifest(b"\xa0")
    assert receipts.by_vin == {VIN: [Receipt(NO_BOOT, refused=(digest(b"\xa0"),))]}
    assert cloud.ingest.wanted()[VIN].wanted == (MANIFEST_ID,)


def test_another_manifest_does_not_stand_for_the_one_asked_for(cloud: Cloud) -> None:
    cloud.send(BOOT.payload(0))
    receipts = cloud.send_manifest(encode_manifest(Manifest(MODEL, ())))
    assert receipts.by_vin[VIN][0].wanted == (MANIFEST_ID,)


def test_a_payload_is_quarantined_once_however_often_it_comes(cloud: Cloud) -> None:
    for _ in range(3):
        assert cloud.send(b"junk").by_vin[VIN][0].refused == (digest(b"junk"),)
    assert len(cloud.rows("quarantine")) == 1


@pytest.mark.parametrize(("rows", "size"), [(5, 1 << 20), (1000, 500)])
def test_the_quarantine_is_bounded_drops_the_oldest_and_counts_them(cloud: Cloud, rows: int, size: int) -> None:
    bounded = SqliteReceiving(cloud.database, rows, size)
    cloud.ingest._store = bounded
    junk = [number.to_bytes(100, "big") for number in range(50)]
    for payload in junk:
        cloud.send(payload)
    assert [row[-1] for row in cloud.rows("quarantine")] == junk[-5:]
    refusals = cloud.receiving.intake(VIN).refusals
    assert refusals["dropped"] == 45
    assert sum(refusals.values()) == 95


def test_what_is_missing_is_named_and_what_the_vehicle_gave_up_is_told_apart(cloud: Cloud) -> None:
    cloud.send(*[BOOT.payload(sequence) for sequence in (1, 2, 6)])
    cloud.send(encode(BOOT.upload(9, evicted=(Evicted(3, 4, "full"), Evicted(6, 6, "full")))))
    intake = cloud.receiving.intake(VIN)
    boot = BOOT.id.hex()
    assert intake.gaps == ((boot, 0, 0), (boot, 5, 5), (boot, 7, 8))
    assert (intake.uploads, intake.missing, intake.evicted) == (4, 4, 2)
    assert intake.ledger == {"frames": 4000}


def test_what_was_evicted_of_another_boot_is_told_apart_in_that_boot(cloud: Cloud) -> None:
    before = Boot(bytes(reversed(range(16))))
    cloud.send(*[before.payload(sequence) for sequence in (0, 4)])
    cloud.send(encode(BOOT.upload(0, evicted=(Evicted(1, 2, "full", before.id),))))
    intake = cloud.receiving.intake(VIN)
    assert intake.gaps == ((before.id.hex(), 3, 3),)
    assert (intake.missing, intake.evicted) == (1, 2)


def test_counts_that_no_integer_can_sum_hold_up_nothing(cloud: Cloud) -> None:
    boastful = Ledger({Count.FRAMES: MAXIMUM_COUNT})
    payloads = [encode(replace(BOOT.upload(sequence), ledger=boastful)) for sequence in range(2100)]
    for first, last in ((0, 1050), (1050, 2098), (2098, 2099), (2099, 2100)):
        assert cloud.send(*payloads[first:last]).by_vin[VIN][0].held == (range(last),)
    assert cloud.receiving.intake(VIN).ledger == {"frames": MAXIMUM_COUNT}


def test_a_batch_that_cannot_be_committed_leaves_nothing_and_can_be_tried_again(cloud: Cloud) -> None:
    cloud.send_manifest()
    pages = cloud.database._writer.execute("PRAGMA page_count").fetchone()[0]
    cloud.database._writer.execute(f"PRAGMA max_page_count = {pages + 1}")
    payloads = [BOOT.payload(sequence) for sequence in range(500)]
    with pytest.raises(StoreError, match="full"):
        cloud.send(*payloads)
    assert cloud.rows("upload") == []
    cloud.database._writer.execute("PRAGMA max_page_count = 1000000")
    assert cloud.send(*payloads).by_vin[VIN][0].held == (range(500),)


@settings(max_examples=25)
@given(
    st.lists(st.lists(st.integers(0, 400), max_size=40), max_size=12),
)
def test_receipts_cover_exactly_what_is_stored_whatever_the_order(batches: list[list[int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(Path(folder))
        cloud.register_both()
        stored: set[int] = set()
        for batch in batches:
            receipts = cloud.send(*[BOOT.payload(sequence) for sequence in batch])
            stored |= set(batch)
            for receipt in receipts.by_vin.get(VIN, []):
                assert all(receipt.covers(sequence) for sequence in batch)
                assert all(set(held) <= stored for held in receipt.held)
                assert decode_receipt(encode_receipt(receipt)) == receipt
        assert {row[2] for row in cloud.rows("upload")} == stored
        with cloud.database.read() as connection:
            held = connection.execute("SELECT first, last FROM held ORDER BY first").fetchall()
        assert {number for first, last in held for number in range(first, last + 1)} == stored
        assert all(later[0] > earlier[1] + 1 for earlier, later in pairwise(held))
        cloud.database.close()


def test_a_receipt_stays_small_when_a_vehicle_has_very_many_gaps(cloud: Cloud) -> None:
    cloud.send(*[BOOT.payload(sequence) for sequence in range(0, 1000, 2)])
    receipt = cloud.send(BOOT.payload(0)).by_vin[VIN][0]
    assert receipt.covers(0)
    assert receipt.covers(998)
    assert len(receipt.held) < 70


def test_random_bytes_are_never_more_than_refused(cloud: Cloud) -> None:
    for size in (1, 17, 300):
        cloud.send(*[os.urandom(size) for _ in range(20)])
    assert cloud.send(BOOT.payload(0)).by_vin[VIN][0].held == (range(1),)
