from __future__ import annotations

import cbor2
import pytest

from contract.actions import Doors
from contract.command import (
    DOMAIN,
    MAXIMUM_WATCH_BYTES,
    Body,
    Command,
    Received,
    Watching,
    decode_command,
    encode_command,
)
from contract.signing import key_id, public_key, sign
from contract.upload import Privacy
from contract.wire import Refusal, WireError
from tests.contract.drive import schema

ID = bytes(range(16))
VIN = "VR3UPHNKSKT000001"
ISSUED, EXPIRES = 1_699_999_900_000, 1_700_000_000_000
FULL = Command(ID, VIN, EXPIRES, Privacy.FULL)
LOCK = Command(ID, VIN, EXPIRES, Doors(locked=True), ISSUED)
PRIVATE = bytes(range(32))
PUBLIC = public_key(PRIVATE)
KEYS = {key_id(PUBLIC): PUBLIC}
OTHER = public_key(bytes(32))


@pytest.mark.parametrize("state", Privacy)
def test_a_command_of_version_1_that_was_encoded_is_decoded(state: Privacy) -> None:
    command = Command(ID, VIN, EXPIRES, state)
    payload = encode_command(command)
    assert decode_command(payload) == Received(command, None)
    schema("command").validate_cbor(payload)


@pytest.mark.parametrize("body", [*Privacy, Doors(locked=False), Watching(b""), Watching(bytes(MAXIMUM_WATCH_BYTES))])
def test_a_signed_command_that_was_encoded_is_decoded_and_known_to_be_signed(body: Body) -> None:
    command = Command(ID, VIN, EXPIRES, body, ISSUED)
    payload = encode_command(command, PRIVATE)
    received = decode_command(payload)
    assert received.command == command
    assert received.signature is not None
    assert received.signature.by_one_of(KEYS)
    assert received.signature.by_one_of({key_id(OTHER): OTHER} | KEYS)
    assert not received.signature.by_one_of({key_id(OTHER): OTHER})
    assert not received.signature.by_one_of({key_id(PUBLIC): OTHER})
    assert not received.signature.by_one_of({})
    schema("command").validate_cbor(payload)
    schema("ordered").validate_cbor(received.signature.content)


def test_no_bit_of_a_signed_command_can_be_changed() -> None:
    payload = encode_command(LOCK, PRIVATE)
    for position in range(8 * len(payload)):
        changed = bytearray(payload)
        changed[position // 8] ^= 1 << position % 8
        try:
            received = decode_command(bytes(changed))
        except WireError:
            continue
        assert received.signature is None or not received.signature.by_one_of(KEYS)


def test_only_privacy_goes_without_a_signature() -> None:
    with pytest.raises(WireError):
        encode_command(LOCK)


def test_the_bytes_of_a_command_never_change() -> None:
    assert encode_command(FULL).hex() == (
        "a501010250000102030405060708090a0b0c0d0e0f0371" + VIN.encode().hex() + "041b0000018bcfe568000502"
    )
    content = (
        "a60150000102030405060708090a0b0c0d0e0f0271"
        + VIN.encode().hex()
        + "031b0000018bcfe3e160"
        + "041b0000018bcfe56800"
        + "0501"
        + "06a2010102f5"
    )
    signature = sign(PRIVATE, b"canlift command 2\x00", bytes.fromhex(content)).hex()
    size = len(content) // 2
    expected = f"a401020258{size:02x}{content}0348{key_id(PUBLIC).hex()}045840{signature}"
    assert encode_command(LOCK, PRIVATE).hex() == expected
    assert DOMAIN == b"canlift command 2\x00"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({1: 3}, Refusal.UNKNOWN_VERSION),
        ({2: ID[1:]}, Refusal.OUT_OF_RANGE),
        ({3: "nobody"}, Refusal.OUT_OF_RANGE),
        ({4: -1}, Refusal.OUT_OF_RANGE),
        ({5: 3}, Refusal.OUT_OF_RANGE),
        ({5: "Full"}, Refusal.WRONG_TYPE),
        ({6: b"signature"}, Refusal.WRONG_TYPE),
    ],
)
def test_a_command_of_version_1_that_breaks_the_format_is_refused(change: dict[int, object], reason: Refusal) -> None:
    payload = cbor2.dumps({1: 1, 2: ID, 3: VIN, 4: 1, 5: 0} | change)
    with pytest.raises(WireError) as caught:
        decode_command(payload)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({1: ID[1:]}, Refusal.OUT_OF_RANGE),
        ({2: "nobody"}, Refusal.OUT_OF_RANGE),
        ({3: 3}, Refusal.OUT_OF_RANGE),
        ({4: 2**43}, Refusal.OUT_OF_RANGE),
        ({5: 3}, Refusal.OUT_OF_RANGE),
        ({5: 1, 6: 0}, Refusal.WRONG_TYPE),
        ({5: 2, 6: bytes(MAXIMUM_WATCH_BYTES + 1)}, Refusal.OVERSIZED),
        ({6: 3}, Refusal.OUT_OF_RANGE),
        ({7: 0}, Refusal.WRONG_TYPE),
    ],
)
def test_a_signed_command_that_breaks_the_format_is_refused(change: dict[int, object], reason: Refusal) -> None:
    content = cbor2.dumps({1: ID, 2: VIN, 3: 1, 4: 2, 5: 0, 6: 0} | change)
    with pytest.raises(WireError) as caught:
        decode_command(cbor2.dumps({1: 2, 2: content, 3: bytes(8), 4: bytes(64)}))
    assert caught.value.reason is reason


@pytest.mark.parametrize("change", [{2: {}}, {3: bytes(7)}, {4: bytes(63)}, {5: 0}])
def test_an_envelope_that_is_none_is_refused(change: dict[int, object]) -> None:
    content = cbor2.dumps({1: ID, 2: VIN, 3: 1, 4: 2, 5: 0, 6: 0})
    with pytest.raises(WireError):
        decode_command(cbor2.dumps({1: 2, 2: content, 3: bytes(8), 4: bytes(64)} | change))
