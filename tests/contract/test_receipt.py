from __future__ import annotations

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contract.receipt import MAXIMUM_BYTES, MAXIMUM_ENTRIES, Receipt, decode_receipt, encode_receipt
from contract.wire import Refusal, WireError
from tests.contract.drive import schema
from tests.contract.strategies import receipts

BOOT = bytes(range(16))
RECEIPT = Receipt(BOOT, (range(5), range(7, 4712)), (b"refused.",), (b"wanted..",), 1_700_000_000_000)
VALID = encode_receipt(RECEIPT)


def refusal(payload: bytes) -> Refusal:
    with pytest.raises(WireError) as caught:
        decode_receipt(payload)
    return caught.value.reason


@given(receipts)
def test_what_was_encoded_is_decoded(receipt: Receipt) -> None:
    payload = encode_receipt(receipt)
    assert decode_receipt(payload) == receipt
    schema("receipt").validate_cbor(payload)


@pytest.mark.parametrize(
    ("sequence", "covered"), [(0, True), (4, True), (5, False), (6, False), (7, True), (4712, False)]
)
def test_a_receipt_covers_what_it_holds_and_nothing_else(sequence: int, covered: bool) -> None:
    assert decode_receipt(VALID).covers(sequence) is covered


def test_a_receipt_for_one_upload_is_small() -> None:
    assert len(encode_receipt(Receipt(BOOT, (range(4711, 4712),)))) <= 32
    assert len(encode_receipt(Receipt(BOOT, (range(4711, 4712),), utc_ms=1_700_000_000_000))) <= 42


def test_the_bytes_of_a_receipt_never_change() -> None:
    assert VALID.hex() == (
        "a601020250000102030405060708090a0b0c0d0e0f03828200048207191267048148726566757365642e05814877616e"
        "7465642e2e061b0000018bcfe56800"
    )


def test_a_receipt_without_a_time_is_one_that_a_vehicle_of_version_1_reads() -> None:
    untimed = replace(RECEIPT, utc_ms=None)
    written = bytes.fromhex(
        "a501010250000102030405060708090a0b0c0d0e0f03828200048207191267048148726566757365642e05814877616e7465642e2e"
    )
    assert encode_receipt(untimed) == written
    assert decode_receipt(written) == untimed


def test_a_range_without_a_number_is_not_encoded() -> None:
    with pytest.raises(WireError):
        encode_receipt(Receipt(BOOT, (range(3, 3),)))


def test_there_are_limits_to_entries_and_bytes() -> None:
    most = Receipt(BOOT, tuple(range(2 * each, 2 * each + 1) for each in range(MAXIMUM_ENTRIES)))
    assert decode_receipt(encode_receipt(most)) == most
    with pytest.raises(WireError) as caught:
        encode_receipt(Receipt(BOOT, (*most.held, range(1, 2))))
    assert caught.value.reason is Refusal.OVERSIZED
    with pytest.raises(WireError) as caught:
        encode_receipt(Receipt(BOOT, refused=(b"12345678",) * MAXIMUM_ENTRIES))
    assert caught.value.reason is Refusal.OVERSIZED
    assert refusal(bytes(MAXIMUM_BYTES + 1)) is Refusal.OVERSIZED


def test_a_range_with_a_step_is_refused_because_it_would_claim_what_is_between() -> None:
    with pytest.raises(WireError) as caught:
        encode_receipt(Receipt(BOOT, (range(0, 9, 2),)))
    assert caught.value.reason is Refusal.OUT_OF_RANGE


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({1: 1, 2: BOOT}, Refusal.WRONG_TYPE),
        ({1: 1, 2: BOOT[1:], 3: []}, Refusal.OUT_OF_RANGE),
        ({1: 1, 2: BOOT.hex(), 3: []}, Refusal.WRONG_TYPE),
        ({1: 1, 2: BOOT, 3: [[0, 1, 2]]}, Refusal.WRONG_TYPE),
        ({1: 1, 2: BOOT, 3: [[2, 1]]}, Refusal.OUT_OF_RANGE),
        ({1: 1, 2: BOOT, 3: [[-1, 1]]}, Refusal.OUT_OF_RANGE),
        ({1: 1, 2: BOOT, 3: [[0, 2**53]]}, Refusal.OUT_OF_RANGE),
        ({1: 1, 2: BOOT, 3: [[0, 1.0]]}, Refusal.WRONG_TYPE),
        ({1: 1, 2: BOOT, 3: [[False, True]]}, Refusal.WRONG_TYPE),
        ({1: 1, 2: BOOT, 3: [0, 1]}, Refusal.WRONG_TYPE),
        ({1: 1, 2: BOOT, 3: [[[0]]]}, Refusal.TOO_DEEP),
        ({1: 1, 2: BOOT, 3: [], 4: [b"short"]}, Refusal.OUT_OF_RANGE),
        ({1: 1, 2: BOOT, 3: [], 5: []}, Refusal.OUT_OF_RANGE),
        ({1: 1, 2: BOOT, 3: [], 6: 0}, Refusal.WRONG_TYPE),
        ({1: 2, 2: BOOT, 3: [], 6: -1}, Refusal.OUT_OF_RANGE),
        ({1: 2, 2: BOOT, 3: [], 6: 2**43}, Refusal.OUT_OF_RANGE),
        ({1: 2, 2: BOOT, 3: [], 6: 1.5}, Refusal.WRONG_TYPE),
        ({1: 2, 2: BOOT, 3: [], 7: 0}, Refusal.WRONG_TYPE),
        ({1: 9, 2: BOOT, 3: []}, Refusal.UNKNOWN_VERSION),
        (None, Refusal.WRONG_TYPE),
    ],
)
def test_what_is_no_receipt_is_refused_with_its_reason(item: object, reason: Refusal) -> None:
    assert refusal(cbor2.dumps(item)) is reason


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_refused(payload: bytes) -> None:
    with pytest.raises(WireError):
        decode_receipt(payload)


def test_a_flipped_bit_never_raises_anything_but_a_refusal() -> None:
    for bit in range(8 * len(VALID)):
        flipped = bytearray(VALID)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            assert decode_receipt(bytes(flipped)) != RECEIPT
        except WireError:
            continue
