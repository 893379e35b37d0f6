from __future__ import annotations

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contract import wire
from contract.manifest import (
    MAXIMUM_BYTES,
    MAXIMUM_SIGNALS,
    Group,
    Manifest,
    Sampling,
    Signal,
    decode_manifest,
    encode_manifest,
    manifest_id,
)
from contract.wire import Item, Refusal, WireError, digest
from tests.contract.drive import MANIFEST, schema
from tests.contract.strategies import manifests

VALID = encode_manifest(MANIFEST)


def refusal(payload: bytes) -> Refusal:
    with pytest.raises(WireError) as caught:
        decode_manifest(payload)
    return caught.value.reason


@given(manifests())
def test_what_was_encoded_is_decoded(manifest: Manifest) -> None:
    payload = encode_manifest(manifest)
    assert decode_manifest(payload) == manifest
    schema("manifest").validate_cbor(payload)


@given(manifests())
def test_the_id_is_the_digest_of_the_payload(manifest: Manifest) -> None:
    assert manifest_id(manifest) == digest(encode_manifest(manifest))


def test_the_id_of_a_manifest_never_changes() -> None:
    # Vehicles and bridges of different versions must name the same list by the same id.
    assert manifest_id(MANIFEST).hex() == "f475dbb88d2d58d3"


def test_equal_manifests_have_the_same_id_however_they_were_made() -> None:
    whole = replace(MANIFEST.groups[0].signals[0], scale=2.0, offset=-0.0, choices={1: "b", -1: "a", 300: "c"})
    same = replace(MANIFEST.groups[0].signals[0], scale=2, offset=0, choices={300: "c", -1: "a", 1: "b"})
    assert whole == same
    ids = {manifest_id(Manifest("m", (Group(Sampling.EVERY, 100, (signal,)),))) for signal in (whole, same)}
    assert len(ids) == 1


@pytest.mark.parametrize(
    "change",
    [
        Signal("WHEEL.Velocity", 0.01, 0, "km/h"),
        Signal("WHEEL.Speed", 0.02, 0, "km/h"),
        Signal("WHEEL.Speed", 0.01, 1e-9, "km/h"),
        Signal("WHEEL.Speed", 0.01, 0, "mph"),
        Signal("WHEEL.Speed", 0.01, 0, "km/h", {0: "Stopped"}),
    ],
    ids=["name", "scale", "offset", "unit", "value names"],
)
def test_any_difference_of_a_signal_gives_another_id(change: Signal) -> None:
    group = MANIFEST.groups[0]
    other = replace(group, signals=(change, *group.signals[1:]))
    assert manifest_id(replace(MANIFEST, groups=(other, *MANIFEST.groups[1:]))) != manifest_id(MANIFEST)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**63), 2**64 - 1))
def test_scale_and_offset_are_exact(scale: float, offset: int) -> None:
    manifest = Manifest("m", (Group(Sampling.EVERY, 100, (Signal("A.B", scale, offset),)),))
    signal = decode_manifest(encode_manifest(manifest)).groups[0].signals[0]
    assert (signal.scale, signal.offset) == (scale, offset)


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), float("-inf"), 2**64])
def test_a_scale_that_is_no_finite_number_of_64_bits_is_not_encoded(scale: float) -> None:
    with pytest.raises(WireError, match=r"A\.B, scale"):
        encode_manifest(Manifest("m", (Group(Sampling.EVERY, 100, (Signal("A.B", scale),)),)))


def test_a_signal_is_named_once() -> None:
    twice = Group(Sampling.EVERY, 100, (Signal("A.B"),))
    with pytest.raises(WireError, match=r"A\.B appears twice"):
        encode_manifest(Manifest("m", (twice, twice)))


def test_there_are_limits_to_signals_and_bytes() -> None:
    many = tuple(Signal(f"A.{index}") for index in range(MAXIMUM_SIGNALS))
    full = Manifest("m", (Group(Sampling.EVERY, 100, many),))
    assert decode_manifest(encode_manifest(full)) == full
    with pytest.raises(WireError, match="more than 16384 signals"):
        encode_manifest(replace(full, groups=(*full.groups, Group(Sampling.EVERY, 100, (Signal("B.1"),)))))
    long = tuple(replace(signal, unit="x" * 100) for signal in many)
    with pytest.raises(WireError) as caught:
        encode_manifest(Manifest("m", (Group(Sampling.EVERY, 100, long),)))
    assert caught.value.reason is Refusal.OVERSIZED
    assert refusal(bytes(MAXIMUM_BYTES + 1)) is Refusal.OVERSIZED


def with_signal(signal: object) -> bytes:
    return cbor2.dumps({1: 1, 2: "m", 3: [{1: 0, 2: 100, 3: [signal]}]}, canonical=True)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (with_signal({1: "A.B", 2: 1, 3: "0"}), Refusal.WRONG_TYPE),
        (with_signal({1: "A.B", 2: True, 3: 0}), Refusal.WRONG_TYPE),
        (with_signal({1: "A.B", 2: float("nan"), 3: 0}), Refusal.OUT_OF_RANGE),
        (with_signal({1: "A.B", 2: 1}), Refusal.WRONG_TYPE),
        (with_signal({1: "A.B", 2: 1, 3: 0, 6: 1}), Refusal.WRONG_TYPE),
        (with_signal({1: b"A.B", 2: 1, 3: 0}), Refusal.WRONG_TYPE),
        (with_signal({1: "A" * 1025, 2: 1, 3: 0}), Refusal.OUT_OF_RANGE),
        (with_signal({1: "A.B", 2: 1, 3: 0, 5: {"1": "on"}}), Refusal.WRONG_TYPE),
        (with_signal({1: "A.B", 2: 1, 3: 0, 5: [1]}), Refusal.WRONG_TYPE),
        (with_signal({1: "A.B", 2: 1, 3: 0, 5: {1: 1}}), Refusal.WRONG_TYPE),
        (with_signal({1: "A.B", 2: 1.0, 3: 0}), Refusal.MALFORMED),  # an integer is written as one
        (with_signal({1: "A.B", 2: 1, 3: 0, 4: ""}), Refusal.MALFORMED),  # an empty unit is left out
        (cbor2.dumps({1: 1, 2: "m", 3: [{1: 2, 2: 100, 3: []}]}), Refusal.OUT_OF_RANGE),
        (cbor2.dumps({1: 1, 2: "m", 3: [{1: 0, 2: 0, 3: []}]}), Refusal.OUT_OF_RANGE),
        (cbor2.dumps({1: 1, 2: "m", 3: {}}), Refusal.WRONG_TYPE),
        (cbor2.dumps({1: 2}), Refusal.UNKNOWN_VERSION),
        (cbor2.dumps({2: "m", 1: 1, 3: []}), Refusal.MALFORMED),  # keys out of order
        (cbor2.dumps([]), Refusal.WRONG_TYPE),
        (bytes.fromhex("a3 0101 0101 0380"), Refusal.DUPLICATE_KEY),
        (cbor2.dumps({1: 1, 2: "m", 3: [[[[[[[1]]]]]]]}), Refusal.TOO_DEEP),
    ],
)
def test_what_is_no_manifest_is_refused_with_its_reason(payload: bytes, reason: Refusal) -> None:
    assert refusal(payload) is reason


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_are_decoded_or_refused(payload: bytes) -> None:
    try:
        decode_manifest(payload)
    except WireError:
        return
    pytest.fail("random bytes are no manifest")


def test_a_flipped_bit_gives_a_refusal_or_another_manifest() -> None:
    for bit in range(8 * len(VALID)):
        flipped = bytearray(VALID)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            assert decode_manifest(bytes(flipped)) != MANIFEST
        except WireError:
            continue


def test_a_manifest_cut_short_is_refused() -> None:
    assert {refusal(VALID[:cut]) for cut in range(len(VALID))} == {Refusal.MALFORMED}


shapes = st.recursive(
    st.one_of(st.none(), st.integers(-5, 5), st.text(max_size=2), st.binary(max_size=2), st.floats()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.integers(0, 6), inner, max_size=5)),
    max_leaves=8,
)


@given(shapes)
def test_well_formed_cbor_of_any_shape_is_decoded_or_refused(shape: Item) -> None:
    groups: list[Item] = [shape, [shape], [{1: 0, 2: 1, 3: [shape]}]]
    for group in groups:
        try:
            decode_manifest(wire.write({1: 1, 2: "m", 3: group}))
        except WireError:
            continue
