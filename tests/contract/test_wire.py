from __future__ import annotations

import time

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.wire import Item, Refusal, WireError, digest, entries, read, text, version, write

LIMIT = 4096
DEPTH = 4

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.binary(max_size=40),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
items = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.integers(-300, 300), inner, max_size=4)),
    max_leaves=12,
)


def refusal(payload: bytes) -> Refusal:
    with pytest.raises(WireError) as caught:
        read(payload, LIMIT, DEPTH)
    return caught.value.reason


@given(items)
def test_what_was_written_is_read(item: Item) -> None:
    assert read(write(item), 1_000_000, 100) == item


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_read_or_refused(payload: bytes) -> None:
    try:
        item = read(payload, LIMIT, DEPTH)
    except WireError:
        return
    assert read(write(item), LIMIT, DEPTH) == item


def test_the_size_is_looked_at_before_the_bytes() -> None:
    assert refusal(b"\xff" * (LIMIT + 1)) is Refusal.OVERSIZED
    assert refusal(b"\xff" * LIMIT) is Refusal.MALFORMED


def test_arrays_and_maps_go_no_deeper_than_allowed() -> None:
    assert read(b"\x81" * DEPTH + b"\x01", LIMIT, DEPTH) == [[[[1]]]]
    assert refusal(b"\x81" * (DEPTH + 1) + b"\x01") is Refusal.TOO_DEEP
    assert refusal(b"\xa1\x01" * (DEPTH + 1) + b"\x01") is Refusal.TOO_DEEP
    assert refusal(b"\x81" * LIMIT) is Refusal.TOO_DEEP


@pytest.mark.parametrize("second", ["01", "1801", "190001"])
def test_a_key_twice_in_a_map_is_refused_however_it_is_written(second: str) -> None:
    assert refusal(bytes.fromhex("a2 0102" + second + "03")) is Refusal.DUPLICATE_KEY


def test_a_tag_of_any_number_is_refused() -> None:
    for tag in [*range(1100), 43000, 43001, 55799, 65535, 65536, 2**32, 2**64 - 1]:
        payload = cbor2.dumps(cbor2.CBORTag(tag, 0))
        assert refusal(payload) is Refusal.WRONG_TYPE, tag


@pytest.mark.parametrize(
    "payload",
    [
        "d81c8081d81d00",  # a value shared with itself
        "d9010082 4a61616161616161616161 d81900",  # a string that stands for another
        "c5821b7fffffffffffffff01",  # a float with an exponent of 2**63
        "c482 1b7fffffffffffffff 01",  # a decimal of as many digits
        "d823 6928612b292b6224",  # a regular expression
        "c3 5affffffff",  # a number of 4 GB
    ],
)
def test_no_tag_makes_the_reader_build_anything(payload: str) -> None:
    started = time.process_time()
    assert refusal(bytes.fromhex(payload)) in {Refusal.WRONG_TYPE, Refusal.MALFORMED}
    assert time.process_time() - started < 1


@pytest.mark.parametrize("payload", ["9f01ff", "bf0102ff", "5f4101ff", "7f6161ff", "ff", "82019f01ff"])
def test_lengths_are_told_in_advance(payload: str) -> None:
    assert refusal(bytes.fromhex(payload)) is Refusal.MALFORMED


@pytest.mark.parametrize(
    "payload",
    ["", "18", "8201", "a101", "4201", "6261", "1c", "fc", "61ff", "5b0000000100000000", "9b0fffffffffffffff"],
)
def test_an_item_that_is_cut_short_or_claims_too_much_is_refused(payload: str) -> None:
    assert refusal(bytes.fromhex(payload)) is Refusal.MALFORMED


@given(items, st.binary(min_size=1, max_size=4))
def test_nothing_follows_the_item(item: Item, rest: bytes) -> None:
    with pytest.raises(WireError) as caught:
        read(write(item) + rest, 1_000_000, 100)
    assert caught.value.reason is Refusal.MALFORMED


@given(st.lists(st.integers(-(2**63), 2**64 - 1), unique=True, max_size=6), st.data())
def test_a_map_has_one_encoding_in_whatever_order_it_was_made(keys: list[int], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(keys))
    assert write(dict.fromkeys(shuffled)) == write(dict.fromkeys(keys))


def test_a_digest_is_the_start_of_a_sha256() -> None:
    assert digest(b"abc").hex() == "ba7816bf8f01cfea"


@pytest.mark.parametrize("key", [1.0, True, "a", b"a", None, (1, 2)])
def test_a_key_that_only_equals_an_integer_is_none(key: object) -> None:
    with pytest.raises(WireError) as caught:
        entries(read(cbor2.dumps({key: 1}), LIMIT, DEPTH), frozenset((1,)), frozenset((1,)), "map")
    assert caught.value.reason is Refusal.WRONG_TYPE


def test_a_missing_or_unknown_key_is_named() -> None:
    with pytest.raises(WireError, match="map: key 2 is missing"):
        entries({1: 0}, frozenset((1, 2)), frozenset((1, 2)), "map")
    with pytest.raises(WireError, match="map: key 7 is unknown"):
        entries({1: 0, 7: 0, 9: 0}, frozenset((1,)), frozenset((1, 2)), "map")


def test_a_text_is_measured_in_bytes() -> None:
    assert text("éé", 4, "name") == "éé"
    with pytest.raises(WireError, match="5 bytes, at most 4"):
        text("ééa", 4, "name")
    with pytest.raises(WireError, match="surrogate"):
        text("\ud800", 4, "name")


@pytest.mark.parametrize("other", [0, 3, 1.0, True, "1", None, -1])
def test_another_version_is_refused_as_such(other: Item) -> None:
    assert version({1: 1}, (1, 2), "upload") == 1
    assert version({1: 2}, (1, 2), "upload") == 2
    with pytest.raises(WireError) as caught:
        version({1: other, 99: 0}, (1, 2), "upload")
    assert caught.value.reason is Refusal.UNKNOWN_VERSION
