"""Generated decoders against cantools, and against a decoder that takes one bit at a time."""

from __future__ import annotations

import gzip
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import cantools
import pytest
from cantools.database import DecodeError
from cantools.database.can import Database, Message
from hypothesis import given
from hypothesis import strategies as st

from agent.databases.layouts import UNSENT_ID, MessageLayout, Multiplexer, SignalLayout, overlapping
from agent.databases.loading import load
from agent.decode.decoders import physical_decoder, raw_decoder
from tests.agent.decode.reference_decoder import physical_values, raw_values, same, with_raw

READABLE = [
    *(
        "canmod_gps_css",
        "fca_giorgio_repaired",
        "hyundai_canfd_generated",
        "j1939_css_demo",
        "nissan_leaf_2018_generated",
    ),
    *("obd2_css", "psa_aee2004_hs_is", "psa_aee2004_ls_conf", "psa_aee2010_r3_repaired", "tesla_model3_vehicle"),
    *("toyota_new_mc_pt_generated", "toyota_rav4_merged", "uds_css", "uds_nissan_css", "vw_mqb"),
]
"""Databases that cantools reads as they are."""
MESSY = [
    *("chrysler_cusw", "chrysler_pacifica_2017_hybrid_generated", "chrysler_ram_dt_generated", "fca_giorgio"),
    *("chrysler_ram_hd_generated", "gm_global_a_powertrain_generated", "honda_civic_touring_2016_can_generated"),
    *(
        "hyundai_can_generated",
        "mazda_2017",
        "psa_aee2010_r3",
        "tesla_can",
        "toyota_radar_dsu_tssp",
        "vw_meb_generated",
    ),
]
"""Databases that cantools refuses."""

RANDOM_PAYLOADS = 6
LAYOUT_LENGTHS = (1, 2, 5, 8, 12, 64)
FLOAT_LENGTHS = (16, 32, 64)


def payloads(message: MessageLayout, length: int) -> Iterator[bytes]:
    """All zero, all one, random, and for each multiplexer page one that shows it."""
    chance = random.Random(message.id)
    yield bytes(length)
    yield b"\xff" * length
    for _ in range(RANDOM_PAYLOADS):
        yield chance.randbytes(length)
    for path in {signal.multiplexer for signal in message.signals if signal.multiplexer}:
        data = chance.randbytes(length)
        for selector, ids in path:
            data = with_raw(message.signal(selector), data, chance.choice(ids))
        yield data


class Decoding:
    """The decoders of all signals of a message for payloads of one length, and what they are compared with."""

    def __init__(self, message: MessageLayout, length: int) -> None:
        self.message = message
        self.names = [signal.name for signal in message.signals]
        self.raw = raw_decoder(message, self.names, length)
        self.physical = physical_decoder(message, self.names, length)

    def assert_as_bit_by_bit(self, data: bytes) -> None:
        expected_raw = raw_values(self.message, data)
        expected_physical = physical_values(self.message, expected_raw)
        for decode, expected in ((self.raw, expected_raw), (self.physical, expected_physical)):
            for name, value in zip(self.names, decode(data), strict=True):
                where = f"{self.message.name}.{name} of {data.hex()}"
                assert same(value, expected[name]), f"{where}: {value}, not {expected[name]}"

    def assert_as_cantools(self, message: Message, data: bytes) -> set[str]:
        """The signals that were compared."""
        try:
            physical, raw = by_cantools(message, data), by_cantools(message, data, scaling=False)
        except DecodeError:
            # cantools gives up on a frame for two reasons only: most messages with overlapping signals, and a
            # multiplexer page that it does not know. Here the other signals are decoded, so only the bits can tell.
            assert overlapping(self.message) or shows_unknown_page(self.message, data), f"{message.name}: {data.hex()}"
            self.assert_as_bit_by_bit(data)
            return set()
        for signal in self.message.signals:
            if signal.is_float and signal.name in raw:
                # cantools gives the raw value of a float as a float; here it is the bit pattern.
                pattern = struct.pack({16: "<e", 32: "<f", 64: "<d"}[signal.length], raw[signal.name])
                raw[signal.name] = int.from_bytes(pattern, "little")
        for decode, expected in ((self.physical, physical), (self.raw, raw)):
            decoded = {name: value for name, value in zip(self.names, decode(data), strict=True) if value is not None}
            assert decoded.keys() == expected.keys(), f"{message.name}: {data.hex()}"
            wrong = [
                (name, value, expected[name]) for name, value in decoded.items() if not same(value, expected[name])
            ]
            assert not wrong, f"{message.name}: {data.hex()}: {wrong}"
        return {*raw}


def by_cantools(message: Message, data: bytes, scaling: bool = True) -> dict[str, int | float]:
    decoded = message.decode(data, decode_choices=False, scaling=scaling, allow_truncated=True)
    assert isinstance(decoded, dict)
    values = {name: value for name, value in decoded.items() if isinstance(value, (int, float))}
    assert values.keys() == decoded.keys()
    return values


def shows_unknown_page(layout: MessageLayout, data: bytes) -> bool:
    known: dict[str, set[int]] = {}
    for signal in layout.signals:
        for selector, ids in signal.multiplexer or ():
            known.setdefault(selector, set()).update(ids)
    raw = raw_values(layout, data)
    return any(raw[selector] is not None and raw[selector] not in ids for selector, ids in known.items())


def unhealed(path: Path) -> Database:
    encoding = "cp1252" if path.stem == "psa_aee2004_ls_conf" else "utf-8"
    database = cantools.database.load_string(path.read_text(encoding), "dbc", strict=False)
    assert isinstance(database, Database)
    return database


@pytest.mark.parametrize("name", READABLE)
def test_every_signal_decodes_to_the_value_that_cantools_gives(shared: Path, name: str) -> None:
    path = shared / f"data/dbc/{name}.dbc"
    layouts = [layout for layout in load(path).layouts if layout.id != UNSENT_ID]
    for layout, message in zip(layouts, unhealed(path).messages, strict=True):
        decoding = Decoding(layout, layout.length)
        compared = {
            name for data in payloads(layout, layout.length) for name in decoding.assert_as_cantools(message, data)
        }
        # What cantools never decodes: overlapping signals, and pages whose number the selector is too narrow for.
        assert overlapping(layout) or compared == {
            signal.name for signal in layout.signals if reachable(layout, signal)
        }


def reachable(layout: MessageLayout, signal: SignalLayout) -> bool:
    return all(
        any(number < 1 << layout.signal(selector).length for number in ids)
        for selector, ids in signal.multiplexer or ()
    )


@pytest.mark.parametrize("name", [*READABLE, *(f"messy/{name}" for name in MESSY)])
def test_every_signal_decodes_to_what_its_bits_say(shared: Path, name: str) -> None:
    for layout in load(shared / f"data/dbc/{name}.dbc").layouts:
        length = max(layout.length, *(signal.payload_bytes for signal in layout.signals), 0)
        decoding = Decoding(layout, length)
        for data in payloads(layout, length):
            decoding.assert_as_bit_by_bit(data)


def test_the_lists_above_name_every_database(shared: Path) -> None:
    assert {path.stem for path in (shared / "data/dbc").glob("*.dbc")} == {*READABLE}
    assert {path.stem for path in (shared / "data/dbc/messy").glob("*.dbc")} == {*MESSY}


def test_every_frame_of_a_real_drive_decodes_as_cantools_decodes_it(shared: Path) -> None:
    path = shared / "data/dbc/toyota_rav4_merged.dbc"
    layouts = load(path).layouts
    names = {layout.id: [signal.name for signal in layout.signals] for layout in layouts}
    decoders = {layout.id: physical_decoder(layout, names[layout.id]) for layout in layouts}
    messages = {message.frame_id: message for message in unhealed(path).messages}
    compared = short = 0
    for can_id, data in rav4_frames(shared):
        if can_id not in messages:
            continue
        values = zip(names[can_id], decoders[can_id](data), strict=True)
        decoded = {name: value for name, value in values if value is not None}
        expected = by_cantools(messages[can_id], data)
        assert decoded == expected
        compared += len(expected)
        short += len(data) < messages[can_id].length
    assert compared > 400_000
    assert short > 1_000


def rav4_frames(shared: Path) -> Iterator[tuple[int, bytes]]:
    with gzip.open(shared / "data/logs/toyota_rav4_2018_comma2k19_60s.log.gz", "rt") as log:
        for line in log:
            _, bus, frame = line.split()
            if bus == "can0":
                can_id, data = frame.split("#")
                yield int(can_id, 16), bytes.fromhex(data)


@st.composite
def signal_layouts(draw: st.DrawFn, name: str, bytes_: int, multiplexer: Multiplexer | None) -> SignalLayout:
    little_endian = draw(st.booleans())
    lengths = [length for length in FLOAT_LENGTHS if length <= 8 * bytes_]
    is_float = bool(lengths) and draw(st.integers(0, 7)) == 0
    length = draw(st.sampled_from(lengths)) if is_float else draw(st.integers(1, min(70, 8 * bytes_)))
    position = draw(st.integers(0, 8 * bytes_ - length))
    return SignalLayout(
        name,
        position if little_endian else position // 8 * 8 + 7 - position % 8,
        length,
        little_endian,
        signed=draw(st.booleans()),
        is_float=is_float,
        scale=draw(st.sampled_from([1, 1.0, 2, -1, 0.1, -0.5, 1e-7, 0])),
        offset=draw(st.sampled_from([0, 0.0, -40, 273.15, -0.5])),
        multiplexer=multiplexer,
    )


@st.composite
def message_layouts(draw: st.DrawFn) -> MessageLayout:
    """Any message: signals that overlap, selectors of selectors, one page or several for a signal."""
    bytes_ = draw(st.sampled_from(LAYOUT_LENGTHS))
    signals: list[SignalLayout] = []
    for number in range(draw(st.integers(1, 9))):
        path = None
        multiplexed: bool = draw(st.booleans())
        if signals and multiplexed:
            outer = draw(st.sampled_from(signals))
            ids = draw(st.lists(st.integers(-2, 5), min_size=1, max_size=4, unique=True))
            path = (*(outer.multiplexer or ()), (outer.name, tuple(ids)))
        signals.append(draw(signal_layouts(f"signal {number}", bytes_, path)))
    return MessageLayout("any", 0x123, False, bytes_ > 8, bytes_, None, tuple(signals))


@given(message_layouts(), st.data())
def test_any_layout_decodes_to_what_its_bits_say(message: MessageLayout, data: st.DataObject) -> None:
    for payload in (bytes(message.length), data.draw(st.binary(min_size=message.length, max_size=message.length))):
        Decoding(message, message.length).assert_as_bit_by_bit(payload)


@given(message_layouts(), st.data())
def test_a_short_frame_gives_the_signals_that_it_carries(message: MessageLayout, data: st.DataObject) -> None:
    payload = data.draw(st.binary(max_size=message.length))
    Decoding(message, len(payload)).assert_as_bit_by_bit(payload)


@given(message_layouts(), st.lists(st.binary(max_size=64), max_size=4), st.data())
def test_a_decoder_for_any_length_gives_what_one_for_that_length_gives(
    message: MessageLayout, payloads: list[bytes], data: st.DataObject
) -> None:
    names = data.draw(st.lists(st.sampled_from([signal.name for signal in message.signals]), unique=True))
    raw, physical = raw_decoder(message, names), physical_decoder(message, names)
    for payload in payloads:
        assert raw(payload) == raw_decoder(message, names, len(payload))(payload)
        assert repr(physical(payload)) == repr(physical_decoder(message, names, len(payload))(payload))


def test_a_selector_may_stand_behind_what_it_selects() -> None:
    page = SignalLayout("page", 44, 1, little_endian=True, is_multiplexer=True)
    value = SignalLayout("value", 0, 8, little_endian=True, multiplexer=(("page", (1,)),))
    decode = raw_decoder(MessageLayout("any", 0x123, False, False, 8, None, (page, value)), ["value"])
    assert decode(bytes.fromhex("2A 00 00 00 00 10 00 00")) == (0x2A,)
    assert decode(bytes.fromhex("2A 00 00 00 00 00 00 00")) == decode(bytes.fromhex("2A")) == (None,)


@given(message_layouts(), st.binary(min_size=64, max_size=64), st.integers(0, 64))
def test_padding_after_the_frame_changes_nothing(message: MessageLayout, buffer: bytes, length: int) -> None:
    names = [signal.name for signal in message.signals]
    expected = raw_values(message, buffer[:length])
    assert raw_decoder(message, names, length)(buffer) == tuple(expected[name] for name in names)


def plain(*signals: SignalLayout, can_id: int = 0x123, extended: bool = False) -> MessageLayout:
    return MessageLayout("M", can_id, extended, False, 8, None, signals)


def test_values_come_in_the_wanted_order_and_as_often_as_wanted() -> None:
    message = plain(SignalLayout("A", 0, 8), SignalLayout("B", 8, 8), SignalLayout("C", 16, 8))
    assert raw_decoder(message, ["C", "A", "C"])(bytes((1, 2, 3))) == (3, 1, 3)
    assert raw_decoder(message, [])(b"") == ()


def test_a_signal_that_the_message_does_not_have_is_named_when_the_decoder_is_made() -> None:
    message = plain(SignalLayout("A", 0, 8))
    with pytest.raises(KeyError, match="B"):
        raw_decoder(message, ["A", "B"], 8)
    with pytest.raises(KeyError, match="B"):
        physical_decoder(message, ["A", "B"])


def test_names_of_a_database_never_become_code() -> None:
    names = ["__import__('os').abort()", "return 1", 'a"; raise SystemExit #', "data", "s0", "decode\n"]
    signals = [SignalLayout(name, 8 * number, 8) for number, name in enumerate(names)]
    page = SignalLayout("p0 if", 56, 8, multiplexer=((names[0], (0,)),))
    decode = raw_decoder(plain(*signals, page), [*names, page.name])
    assert decode(bytes(range(8))) == (0, 1, 2, 3, 4, 5, 7)


def test_a_scale_that_is_no_number_is_refused_with_the_name_of_its_signal() -> None:
    with pytest.raises(ValueError, match="signal A: scale inf"):
        physical_decoder(plain(SignalLayout("A", 0, 8, scale=float("inf"))), ["A"], 8)


def test_zero_times_a_negative_scale_is_not_written_as_minus_zero() -> None:
    (value,) = physical_decoder(plain(SignalLayout("A", 0, 8, scale=-0.5)), ["A"])(bytes(8))
    assert str(value) == "0.0"
