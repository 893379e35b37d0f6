"""Checksums and counters, on a real recording of a car that uses both."""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.databases.layouts import MessageLayout, SignalLayout
from agent.databases.loading import load
from agent.decode.checksums import KINDS, Checker, checksum_checker, crc8_j1850
from agent.decode.decoders import raw_decoder

CHECKED_MESSAGES = {
    "EPS_1", "ABS_1", "ABS_2", "ABS_3", "ABS_5", "ABS_6", "ENGINE_1", "NEW_MSG_11C", "NEW_MSG_120",
}  # fmt: skip
"""The messages of the Giulia database that have a checksum and are in the recording."""

Giulia = tuple[dict[str, MessageLayout], dict[int, list[bytes]]]
"""Layouts by name, and the payloads of each id in the order of the recording."""


@pytest.fixture(scope="module")
def giulia(shared: Path) -> Giulia:
    layouts = {layout.name: layout for layout in load(shared / "data/dbc/fca_giorgio_repaired.dbc").layouts}
    payloads: dict[int, list[bytes]] = defaultdict(list)
    with gzip.open(shared / "data/logs/alfa_giulia_recan_exp3_12s_hard_brake.log.gz", "rt") as log:
        for line in log:
            can_id, data = line.split()[2].split("#")
            payloads[int(can_id, 16)].append(bytes.fromhex(data))
    return layouts, payloads


def field(message: MessageLayout, kind: str) -> SignalLayout | None:
    return next((signal for signal in message.signals if signal.name.removeprefix("X") == kind), None)


def checked(giulia: Giulia) -> Iterator[tuple[str, Checker, list[bytes]]]:
    layouts, payloads = giulia
    for layout in layouts.values():
        checksum = field(layout, "CHECKSUM")
        if checksum is not None and payloads.get(layout.id):
            yield layout.name, checksum_checker("crc8-j1850", checksum), payloads[layout.id]


def test_every_frame_of_the_giulia_recording_has_a_right_checksum(
    giulia: Giulia,
) -> None:
    frames = {name: [valid(data) for data in payloads] for name, valid, payloads in checked(giulia)}
    assert frames.keys() == CHECKED_MESSAGES
    assert all(all(verdicts) and len(verdicts) > 1200 for verdicts in frames.values())


def test_any_single_flipped_bit_of_a_giulia_frame_is_noticed(
    giulia: Giulia,
) -> None:
    for name, valid, payloads in checked(giulia):
        for data in payloads[::100]:
            for bit in range(8 * len(data)):
                flipped = bytes(byte ^ (1 << bit % 8 if bit // 8 == at else 0) for at, byte in enumerate(data))
                assert not valid(flipped), f"{name}: bit {bit} of {data.hex()}"


def test_every_counter_of_the_giulia_recording_advances_by_one(
    giulia: Giulia,
) -> None:
    layouts, payloads = giulia
    seen = set()
    for layout in layouts.values():
        counter = field(layout, "COUNTER")
        if counter is not None and layout.id in payloads:
            seen.add(layout.name)
            decode = raw_decoder(layout, [counter.name])
            values = [decode(data)[0] or 0 for data in payloads[layout.id]]
            steps = {(after - before) % (1 << counter.length) for before, after in pairwise(values)}
            assert steps == {1}, layout.name
    assert seen == CHECKED_MESSAGES - {"ABS_6"}


def test_the_crc_is_that_of_the_standard() -> None:
    # The check value of CRC-8/SAE-J1850 over the digits 1 to 9, as catalogues of CRCs list it.
    assert crc8_j1850(b"123456789") ^ 0xFF == 0x4B


def test_a_payload_that_ends_before_its_checksum_is_wrong() -> None:
    valid = checksum_checker("crc8-j1850", SignalLayout("CHECKSUM", 63, 8, little_endian=False))
    assert not valid(b"")
    assert not valid(bytes(7))


@pytest.mark.parametrize("kind", [*KINDS])
@pytest.mark.parametrize("place", [(7, 8), (31, 8), (63, 8), (59, 4), (63, 4), (39, 4)], ids=str)
@settings(max_examples=20)
@given(data=st.binary(min_size=8, max_size=8), initial=st.integers(0, 255), final_xor=st.integers(0, 255))
def test_of_all_values_of_the_field_exactly_one_is_right(
    kind: str, place: tuple[int, int], data: bytes, initial: int, final_xor: int
) -> None:
    start, length = place
    if kind == "crc8-j1850" and length < 8:
        return
    signal = SignalLayout("CHECKSUM", start, length, little_endian=False)
    valid = checksum_checker(kind, signal, initial, final_xor)
    at, shift = start // 8, start % 8 - length + 1
    right = 0
    for value in range(1 << length):
        changed = bytearray(data)
        changed[at] = changed[at] & ~(((1 << length) - 1) << shift) & 0xFF | value << shift
        right += valid(bytes(changed))
    assert right == 1


def test_a_stored_negative_sum_is_a_sum_with_everything_inverted() -> None:
    # Peugeot 2010 frames: the half bytes, the checksum included, add up to a constant (here 0xB), modulo 16.
    valid = checksum_checker("nibble-sum", SignalLayout("CHECKSUM", 39, 4, little_endian=False), ~0xB & 0xF, 0xF)
    body = bytes((0x12, 0x34, 0x56, 0x78, 0x0A, 0x9B, 0xCD))
    total = sum(byte >> 4 for byte in body) + sum(byte & 0xF for byte in body)
    good = body[:4] + bytes((body[4] | ((0xB - total) & 0xF) << 4,)) + body[5:]
    assert valid(good)
    assert not valid(body[:4] + bytes((good[4] ^ 0x10,)) + body[5:])


@pytest.mark.parametrize(
    ("kind", "signal", "found"),
    [
        ("crc8", SignalLayout("CHECKSUM", 56, 8), "crc8 is unknown; known are crc8-j1850, byte-sum"),
        ("crc8-j1850", SignalLayout("CHECKSUM", 52, 8), "signal CHECKSUM cannot hold"),
        ("byte-sum", SignalLayout("CHECKSUM", 48, 16), "signal CHECKSUM cannot hold"),
    ],
)
def test_a_checksum_that_cannot_be_is_refused_by_name(kind: str, signal: SignalLayout, found: str) -> None:
    with pytest.raises(ValueError, match=found):
        checksum_checker(kind, signal)
