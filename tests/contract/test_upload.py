from __future__ import annotations

import re
import time
from itertools import pairwise
from pathlib import Path

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bench.wire import rav4_manifest, rav4_uploads
from contract import wire
from contract.columns import pack
from contract.manifest import Group, Manifest, Sampling, Signal, manifest_id
from contract.samples import MAXIMUM_ROWS
from contract.upload import (
    MAXIMUM_BYTES,
    Anchor,
    AnchorSource,
    Change,
    Count,
    Event,
    Evicted,
    Grid,
    Ledger,
    Privacy,
    Upload,
    decode_upload,
    encode_upload,
    read_header,
)
from contract.wire import Item, Refusal, WireError
from tests.contract.drive import MANIFEST, UPLOAD, schema
from tests.contract.strategies import manifests, uploads

VALID = encode_upload(UPLOAD, MANIFEST)
OF_VERSION_1 = bytes.fromhex(
    "ad01010250000102030405060708090a0b0c0d0e0f0319126704715646335445535454455354303132333435"
    "0548f475dbb88d2d58d30601071a05265c3208190b8609841a05265c001b0000018bcfe5680014000aa200190fa00402"
    "0b818303096466756c6c0c8284001832181d514d5e504b412088b98800269a69a69a69a084011903b6024389e205"
    "0d82034d40247041400bdd601a20400180"
)
"""As the first agents wrote it."""


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Upload, Manifest]:
    manifest = draw(manifests())
    return draw(uploads(manifest, manifest_id(manifest))), manifest


def refusal(payload: bytes, manifest: Manifest = MANIFEST) -> Refusal:
    with pytest.raises(WireError) as caught:
        decode_upload(payload, manifest)
    return caught.value.reason


def manifest_of(signals: int, interval_ms: int) -> Manifest:
    named = tuple(Signal(f"A.{index}") for index in range(signals))
    return Manifest("m", (Group(Sampling.EVERY, interval_ms, named),))


def changed(key: int, item: object) -> bytes:
    """The valid upload with one field replaced, or left out where `item` is `...`."""
    fields: dict[int, object] = cbor2.loads(VALID)
    fields[key] = item
    if item is ...:
        del fields[key]
    return cbor2.dumps(fields, canonical=True)


@given(pairs())
def test_what_was_encoded_is_decoded(pair: tuple[Upload, Manifest]) -> None:
    upload, manifest = pair
    assert decode_upload(encode_upload(upload, manifest), manifest) == upload


@given(pairs())
def test_every_upload_is_as_the_schema_says(pair: tuple[Upload, Manifest]) -> None:
    schema("upload").validate_cbor(encode_upload(*pair))


@given(pairs())
def test_a_header_is_read_without_a_manifest(pair: tuple[Upload, Manifest]) -> None:
    upload, _ = pair
    header = read_header(encode_upload(*pair))
    assert header._asdict() == {name: getattr(upload, name) for name in header._fields[:-1]} | {"version": 2}


def test_the_bytes_of_an_upload_never_change() -> None:
    # Vehicles in the field write such bytes, and bridges hold them for ever.
    assert VALID.hex() == (
        "af01020250000102030405060708090a0b0c0d0e0f03191267047156463354455354544553543031323334350548f475"
        "dbb88d2d58d30601071a05265c3208190b8609841a05265c001b0000018bcfe5680014000aa300190fa0040209010b82"
        "8303096466756c6c8400016466756c6c50000102030405060700000000000000000c8284001832181d514d5e504b4120"
        "88b98800269a69a69a69a085011901c2024389e205020d82034d40247041400bdd601a204001800e010f81821a05265c"
        "3c6869676e6974696f6e"
    )


def test_an_upload_of_version_1_is_read_as_ever() -> None:
    schema("upload").validate_cbor(OF_VERSION_1)
    assert read_header(OF_VERSION_1).version == 1
    assert decode_upload(OF_VERSION_1, MANIFEST) == replace(
        UPLOAD,
        ledger=Ledger({Count.FRAMES: 4000, Count.CHECKSUM: 2}, (Evicted(3, 9, "full"),)),
        grids=(UPLOAD.grids[0], Grid(1, 86_401_000, ((57, 58),))),
        privacy=Privacy.NONE,
        events=(),
    )


@pytest.mark.parametrize(
    ("key", "item", "reason"),
    [
        (9, [1, 2, 3, 3], Refusal.OUT_OF_RANGE),
        (10, {7: 1}, Refusal.OUT_OF_RANGE),
        (11, [[0, 1, "", bytes(16)]], Refusal.WRONG_TYPE),
        (12, [[1, 450, 2, bytes.fromhex("89e205"), 2]], Refusal.WRONG_TYPE),
        (14, 1, Refusal.WRONG_TYPE),
        (15, [[0, "crash"]], Refusal.WRONG_TYPE),
    ],
)
def test_an_upload_of_version_1_has_nothing_of_version_2(key: int, item: object, reason: Refusal) -> None:
    fields = cbor2.loads(OF_VERSION_1)
    fields[key] = item
    assert refusal(cbor2.dumps(fields, canonical=True)) is reason
    fields[1] = 2
    decode_upload(cbor2.dumps(fields, canonical=True), MANIFEST)


def test_the_upload_in_the_documentation_is_this_one() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "wire.md").read_text(encoding="utf-8")
    lines = page.split("```hex\n")[1].split("```")[0].splitlines()
    written = [re.split(" {2,}", line.strip())[0] for line in lines]
    assert bytes.fromhex("".join(written)) == VALID


def test_a_count_of_zero_is_not_written() -> None:
    with_zero = replace(UPLOAD, ledger=Ledger({Count.FRAMES: 0, Count.CHECKSUM: 2}))
    without = replace(UPLOAD, ledger=Ledger({Count.CHECKSUM: 2}))
    assert encode_upload(with_zero, MANIFEST) == encode_upload(without, MANIFEST)


def test_repeated_values_of_on_change_signals_cost_next_to_nothing() -> None:
    # 100 signals, each said again every 10 s for a minute, none of them changing.
    manifest = manifest_of(100, 10_000)
    changes = [
        Change(UPLOAD.start_ms + 10_000 * turn, signal, signal * 37 % 11) for turn in range(6) for signal in range(100)
    ]
    said_once = replace(UPLOAD, end_ms=UPLOAD.start_ms + 60_000, grids=(), changes=tuple(changes[:100]))
    said_often = replace(said_once, changes=tuple(changes))
    assert len(encode_upload(said_often, manifest)) - len(encode_upload(said_once, manifest)) < 500 / 4


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("boot", bytes(15)),
        ("sequence", -1),
        ("sequence", 2**53),
        ("vin", "VF3TESTTEST01234"),
        ("vin", "vf3testtest012345"),
        ("manifest", bytes(9)),
        ("start_ms", -1),
        ("end_ms", UPLOAD.start_ms - 1),
        ("end_ms", UPLOAD.start_ms + 1),
        ("end_ms", 2**42),
        ("ledger", Ledger({Count.FRAMES: -1})),
        ("ledger", Ledger(evicted=(Evicted(9, 3, "full"),))),
        ("ledger", Ledger(evicted=(Evicted(3, 9, "x" * 65),))),
        ("ledger", Ledger(evicted=(Evicted(3, 9, "\ud800"),))),
        ("ledger", Ledger(evicted=(Evicted(3, 9, "full", bytes(8)),))),
        ("events", (Event(-1, "crash"),)),
        ("events", (Event(0, "x" * 65),)),
        ("events", (Event(0, "crash"),) * 65),
        ("anchor", Anchor(-1, 0, 0, AnchorSource.BRIDGE)),
        ("grids", (replace(UPLOAD.grids[1], stride=3),)),
        ("grids", (replace(UPLOAD.grids[1], stride=0),)),
        ("grids", (replace(UPLOAD.grids[1], stride=65_537, columns=((1,),)),)),
        ("grids", (replace(UPLOAD.grids[0], start_ms=UPLOAD.start_ms - 1),)),
        ("grids", (replace(UPLOAD.grids[1], start_ms=UPLOAD.end_ms - 1000),)),
        ("grids", (replace(UPLOAD.grids[0], group=3),)),
        ("grids", (replace(UPLOAD.grids[0], group=-1),)),
        ("grids", (replace(UPLOAD.grids[0], group=1),)),
        ("grids", (replace(UPLOAD.grids[1], columns=()),)),
        ("grids", (replace(UPLOAD.grids[1], columns=((),)),)),
        ("grids", (replace(UPLOAD.grids[0], columns=((1, 2), (1,))),)),
        ("grids", (replace(UPLOAD.grids[1], columns=((2**64,),)),)),
        ("grids", (replace(UPLOAD.grids[1], columns=((-(2**63) - 1, None),)),)),
        ("changes", (Change(UPLOAD.start_ms - 1, 3, 0),)),
        ("changes", (Change(UPLOAD.end_ms, 3, 0),)),
        ("changes", tuple(reversed(UPLOAD.changes))),
        ("changes", (Change(UPLOAD.start_ms, 5, 0),)),
        ("changes", (Change(UPLOAD.start_ms, -1, 0),)),
        ("changes", (Change(UPLOAD.start_ms, 3, 2**64),)),
        ("changes", (Change(UPLOAD.start_ms, 3, 0),) * (MAXIMUM_ROWS + 1)),
    ],
)
def test_what_would_be_refused_is_not_encoded(field: str, value: object) -> None:
    broken = Upload(**{name: getattr(UPLOAD, name) for name in Upload.__struct_fields__} | {field: value})
    with pytest.raises(WireError):
        encode_upload(broken, MANIFEST)


def test_a_group_beyond_the_limit_of_samples_is_neither_encoded_nor_decoded() -> None:
    manifest = manifest_of(16, 1)
    full = Grid(0, UPLOAD.start_ms, ((1,) * 62_500,) * 16)
    upload = replace(UPLOAD, end_ms=UPLOAD.start_ms + 70_000, grids=(full,), changes=())
    payload = encode_upload(upload, manifest)
    assert decode_upload(payload, manifest).grids == (full,)
    with pytest.raises(WireError) as caught:
        encode_upload(replace(upload, grids=(replace(full, columns=((1,) * 62_501,) * 16),)), manifest)
    assert caught.value.reason is Refusal.OVERSIZED
    fields = cbor2.loads(payload)
    fields[12][0][2] = 65_000
    assert refusal(cbor2.dumps(fields, canonical=True), manifest) is Refusal.OVERSIZED


def test_an_upload_beyond_the_limit_of_bytes_is_not_encoded() -> None:
    wild = tuple(-(row**16) % 2**64 for row in range(20_000))
    grids = tuple(Grid(0, UPLOAD.start_ms, (wild, wild)) for _ in range(2))
    upload = replace(UPLOAD, end_ms=UPLOAD.start_ms + 2_000_000, grids=grids, changes=())
    with pytest.raises(WireError) as caught:
        encode_upload(upload, MANIFEST)
    assert caught.value.reason is Refusal.OVERSIZED


GRID: list[object] = cbor2.loads(VALID)[12][1]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (changed(1, 3), Refusal.UNKNOWN_VERSION),
        (changed(1, ...), Refusal.WRONG_TYPE),
        (changed(2, ...), Refusal.WRONG_TYPE),
        (changed(2, bytes(17)), Refusal.OUT_OF_RANGE),
        (changed(3, "1"), Refusal.WRONG_TYPE),
        (changed(3, True), Refusal.WRONG_TYPE),
        (changed(3, 2**53), Refusal.OUT_OF_RANGE),
        (changed(4, b"VF3TESTTEST012345"), Refusal.WRONG_TYPE),
        (changed(4, "VF3TESTTEST0123456"), Refusal.OUT_OF_RANGE),
        (changed(5, None), Refusal.WRONG_TYPE),
        (changed(6, 3), Refusal.OUT_OF_RANGE),
        (changed(6, "cadence"), Refusal.WRONG_TYPE),
        (changed(7, -1), Refusal.OUT_OF_RANGE),
        (changed(7, 2**64 - 1), Refusal.OUT_OF_RANGE),
        (changed(8, 2**42), Refusal.OUT_OF_RANGE),
        (changed(8, 1.5), Refusal.WRONG_TYPE),
        (changed(9, [1, 2, 3]), Refusal.WRONG_TYPE),
        (changed(9, [1, 2, 3, 4]), Refusal.OUT_OF_RANGE),
        (changed(9, [1, 2**43, 3, 0]), Refusal.OUT_OF_RANGE),
        (changed(10, {}), Refusal.WRONG_TYPE),
        (changed(10, {13: 1}), Refusal.OUT_OF_RANGE),
        (changed(10, {0: 0}), Refusal.OUT_OF_RANGE),
        (changed(10, {0.0: 1}), Refusal.WRONG_TYPE),
        (changed(10, [1]), Refusal.WRONG_TYPE),
        (changed(11, []), Refusal.OUT_OF_RANGE),
        (changed(11, [[1, 0, ""]]), Refusal.OUT_OF_RANGE),
        (changed(11, [[0, 1, ""]] * 1025), Refusal.OVERSIZED),
        (changed(11, [[0, 1, "", bytes(15)]]), Refusal.OUT_OF_RANGE),
        (changed(11, [[0, 1, "", None]]), Refusal.WRONG_TYPE),
        (changed(11, [[0, 1, "", bytes(16), 0]]), Refusal.WRONG_TYPE),
        (changed(12, []), Refusal.OUT_OF_RANGE),
        (changed(12, [GRID] * 1025), Refusal.OVERSIZED),
        (changed(12, [[*GRID[:2], 2**40, GRID[3]]]), Refusal.OUT_OF_RANGE),
        (changed(12, [[*GRID[:4], 1]]), Refusal.OUT_OF_RANGE),
        (changed(12, [[*GRID[:4], 3]]), Refusal.OUT_OF_RANGE),
        (changed(12, [[*GRID[:4], 65_537]]), Refusal.OUT_OF_RANGE),
        (changed(12, [[*GRID[:4], None]]), Refusal.WRONG_TYPE),
        (changed(12, [[*GRID, 2]]), Refusal.WRONG_TYPE),
        (changed(12, [[*GRID[:2], 0, b""]]), Refusal.OUT_OF_RANGE),
        (changed(12, [[*GRID[:2], 1, GRID[3]]]), Refusal.MALFORMED),
        (changed(12, [[3, *GRID[1:]]]), Refusal.OUT_OF_RANGE),
        (changed(12, [[0, *GRID[1:]]]), Refusal.MALFORMED),
        (changed(12, [[*GRID[:3], "block"]]), Refusal.WRONG_TYPE),
        (changed(12, [[*GRID[:3], pack([[0, 2**64]])]]), Refusal.OUT_OF_RANGE),
        (changed(13, [1, pack([[None], [3], [0]])]), Refusal.WRONG_TYPE),
        (changed(13, [1, pack([[0], [None], [0]])]), Refusal.WRONG_TYPE),
        (changed(13, [1, pack([[0], [3], [0], [0]])]), Refusal.MALFORMED),
        (changed(13, [1, pack([[-1], [3], [0]])]), Refusal.OUT_OF_RANGE),
        (changed(13, [1, pack([[10_000_000], [3], [0]])]), Refusal.OUT_OF_RANGE),
        (changed(13, [1, pack([[0], [5], [0]])]), Refusal.OUT_OF_RANGE),
        (changed(13, [2, pack([[0, 0], [3, 3], [2**64 - 1, 1]])]), Refusal.OUT_OF_RANGE),
        (changed(13, [2**40, b""]), Refusal.OUT_OF_RANGE),
        (changed(14, 0), Refusal.OUT_OF_RANGE),
        (changed(14, 3), Refusal.OUT_OF_RANGE),
        (changed(14, "Full"), Refusal.WRONG_TYPE),
        (changed(15, []), Refusal.OUT_OF_RANGE),
        (changed(15, [[0, "crash"]] * 65), Refusal.OVERSIZED),
        (changed(15, [[0]]), Refusal.WRONG_TYPE),
        (changed(15, [[2**42, "crash"]]), Refusal.OUT_OF_RANGE),
        (changed(15, [[0, b"crash"]]), Refusal.WRONG_TYPE),
        (changed(15, [[0, "x" * 65]]), Refusal.OUT_OF_RANGE),
        (changed(16, 0), Refusal.WRONG_TYPE),
        (changed(12, [0, 1]), Refusal.WRONG_TYPE),
        (changed(12, [[[0]]]), Refusal.TOO_DEEP),
        (VALID + b"\0", Refusal.MALFORMED),
        (b"", Refusal.MALFORMED),
        (b"\x80", Refusal.WRONG_TYPE),
        (b"\xa1\x01\x02", Refusal.WRONG_TYPE),
        (b"\xa2\x01\x01\x01\x01", Refusal.DUPLICATE_KEY),
        (b"\xbf\x01\x01\xff", Refusal.MALFORMED),
        (changed(3, cbor2.CBORTag(2, b"\1")), Refusal.WRONG_TYPE),
        (bytes(MAXIMUM_BYTES + 1), Refusal.OVERSIZED),
    ],
)
def test_what_is_no_upload_is_refused_with_its_reason(payload: bytes, reason: Refusal) -> None:
    assert refusal(payload) is reason


def test_a_header_is_read_where_the_samples_are_damaged() -> None:
    assert read_header(changed(12, [["?"]])) == read_header(VALID)


def test_an_upload_cut_short_is_refused() -> None:
    assert {refusal(VALID[:cut]) for cut in range(len(VALID))} == {Refusal.MALFORMED}


def test_a_flipped_bit_gives_a_refusal_or_another_upload() -> None:
    read = 0
    for bit in range(8 * len(VALID)):
        flipped = bytearray(VALID)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            assert decode_upload(bytes(flipped), MANIFEST) != UPLOAD
            read += 1
        except WireError:
            continue
    assert read > 100


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_are_refused(payload: bytes) -> None:
    with pytest.raises(WireError):
        read_header(payload)
    with pytest.raises(WireError):
        decode_upload(payload, MANIFEST)


shapes = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-5, 70_000), st.text(max_size=2), st.binary(max_size=9), st.floats()
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.integers(0, 6), inner, max_size=4)),
    max_leaves=8,
)


@given(st.integers(1, 15), shapes)
def test_a_field_of_any_shape_is_decoded_or_refused(key: int, shape: Item) -> None:
    payload = changed(key, shape)
    try:
        decode_upload(payload, MANIFEST)
    except WireError:
        return
    schema("upload").validate_cbor(payload)


@given(st.sampled_from([12, 13]), st.data())
def test_blocks_of_any_bytes_are_decoded_or_refused(key: int, data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 70_000))
    block = data.draw(st.binary(max_size=40))
    sizes: Item = [[data.draw(st.integers(0, 2)), 0, rows, block]] if key == 12 else [rows, block]
    try:
        decode_upload(changed(key, sizes), MANIFEST)
    except WireError:
        return


# The published figures: exact sizes of a real minute, 75 columns at 100 ms and 1 s.


@pytest.mark.parametrize(("seconds", "limit"), [(60, 0.60), (10, 0.65)])
def test_a_real_minute_takes_few_bytes_a_sample_without_loss_each_upload_alone(
    shared: Path, seconds: int, limit: float
) -> None:
    manifest = rav4_manifest(shared)
    uploads = rav4_uploads(shared, seconds)
    samples = sum(len(column) for upload in uploads for grid in upload.grids for column in grid.columns)
    assert samples == 9735
    payloads = [encode_upload(upload, manifest) for upload in uploads]
    assert sum(map(len, payloads)) / samples <= limit
    # Each alone, in any order: nothing is carried from one to the next.
    for upload, payload in reversed(list(zip(uploads, payloads, strict=True))):
        assert decode_upload(payload, manifest) == upload
        schema("upload").validate_cbor(payload)
    assert all(earlier.end_ms == later.start_ms for earlier, later in pairwise(uploads))


def test_a_hostile_upload_is_refused_or_read_in_bounded_time() -> None:
    manifest = manifest_of(15, 1)
    fields = cbor2.loads(VALID)
    fields[8] = 100_000
    del fields[13]
    started = time.process_time()
    for filling in (b"\x00", b"\xff", b"\x55"):
        fields[12] = [[0, 0, 65_000, b"\x92" + filling * 260_000]]
        try:
            decode_upload(wire.write(fields), manifest)
        except WireError:
            continue
    assert time.process_time() - started < 10
