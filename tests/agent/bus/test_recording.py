"""Recordings are written by python-can or by hand, damaged on purpose, and played."""

from __future__ import annotations

import contextlib
import gzip
import random
from collections.abc import Iterable
from pathlib import Path

import can
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.bus.frame import Frame
from agent.bus.losses import Damage, Losses
from agent.bus.recording import Recording, RecordingError

START_S = 1_600_000_000
FORMATS = [".log", ".asc", ".blf", ".trc", ".mf4"]


def messages(count: int) -> list[can.Message]:
    chance = random.Random(7)
    return [
        can.Message(
            timestamp=START_S + number * 0.0205,
            arbitration_id=chance.randrange(1 << 29) if number % 3 == 0 else chance.randrange(1 << 11),
            is_extended_id=number % 3 == 0,
            data=chance.randbytes(chance.randrange(1, 9)),
            channel=number % 2,
        )
        for number in range(count)
    ]


def write(path: Path, content: Iterable[can.Message]) -> Path:
    with can.Logger(path) as logger:
        for message in content:
            logger.on_message_received(message)
    return path


def log_lines(content: Iterable[can.Message]) -> list[str]:
    return [
        f"({message.timestamp:.6f}) can{message.channel} "
        f"{message.arbitration_id:0{8 if message.is_extended_id else 3}X}#{message.data.hex().upper()}"
        for message in content
    ]


def played(recording: Recording) -> list[Frame]:
    return [frame for batch in recording.batches() for frame in batch]


def play(*files: Path) -> tuple[list[Frame], list[Damage]]:
    damages: list[Damage] = []
    losses = Losses(damages.append)
    frames = played(Recording(files, losses=losses))
    assert losses.unreadable == len(damages)
    return frames, damages


def gist(frames: Iterable[Frame]) -> list[tuple[int, bool, bytes]]:
    return [(frame.id, frame.extended, frame.data) for frame in frames]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("compressed", [False, True])
def test_every_format_plays_what_was_recorded(tmp_path: Path, suffix: str, compressed: bool) -> None:
    content = messages(300)
    path = tmp_path / f"drive{suffix}"
    if suffix == ".log":
        path.write_text("\n".join(log_lines(content)) + "\n")
    else:
        write(path, content)
    if compressed:
        packed = tmp_path / f"drive{suffix}.gz"
        packed.write_bytes(gzip.compress(path.read_bytes()))
        path = packed

    recording = Recording([path])
    frames = played(recording)

    assert gist(frames) == [(m.arbitration_id, m.is_extended_id, bytes(m.data)) for m in content]
    assert recording.start_utc_ms is not None
    assert abs(recording.start_utc_ms - START_S * 1000) <= 1
    assert frames[0].at_ms == 0
    for number, frame in enumerate(frames):
        assert abs(frame.at_ms - number * 20.5) <= 1.5
    if suffix == ".log":
        assert [frame.bus for frame in frames[:4]] == ["can0", "can1", "can0", "can1"]


def test_a_bus_is_the_interface_of_its_name_or_the_one_the_caller_says_or_the_only_one(tmp_path: Path) -> None:
    path = tmp_path / "drive.log"
    path.write_text("(1.000000) vcan3 123#00\n(1.000000) can1 124#00\n")

    def buses(names: list[str], mapping: dict[str, str]) -> list[str]:
        return [frame.bus for frame in played(Recording([path], names, mapping))]

    assert buses([], {}) == ["vcan3", "can1"]
    assert buses(["can0"], {}) == ["can0", "can1"]
    assert buses(["can1"], {}) == ["can1", "can1"]
    assert buses(["comfort"], {"can1": "comfort"}) == ["comfort", "comfort"]
    assert buses(["comfort", "can1"], {"vcan3": "comfort"}) == ["comfort", "can1"]


def test_every_form_of_candump_line_is_read_for_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "drive.log"
    path.write_text(
        "(1600000000.000000) can0 7FF#\r\n"
        "(1600000000.001999) can0 0000000A#0102 R\n"
        "(1600000000.002) can0 123#01.02.ff\n"
        "\n"
        "(1600000000.003000) can0 123##1" + "AB" * 64 + "\n"
        "(1600000000.003000) can0 123#R\n"
        "(1600000000.003000) can0 123#R8\n"
        "(1600000000.003000) can0 20000004#000C000000000000\n"
        "(1600000000.004000123) can0 1FFFFFFF#00"
    )
    losses = Losses()
    frames = played(Recording([path], losses=losses))

    assert frames == [
        Frame(0, "can0", 0x7FF, False, b""),
        Frame(1, "can0", 0xA, True, b"\x01\x02"),
        Frame(2, "can0", 0x123, False, b"\x01\x02\xff"),
        Frame(3, "can0", 0x123, False, b"\xab" * 64, True),
        Frame(4, "can0", 0x1FFFFFFF, True, b"\x00"),
    ]
    assert (losses.remote, losses.error, losses.unreadable) == (2, 1, 0)


@pytest.mark.parametrize(
    "line",
    [
        "(1600000000.020000) can0 123#112",  # half a byte
        "(1600000000.020000) can0 123#11223344556677889900",  # ten bytes
        "(1600000000.020000) can0 12#11",
        "(1600000000.020000) can0 FFF#11",  # 12 bits
        "(1600000000.020000) can0 123#1G",
        "(1600000000.020000) can0 123#11 22",
        "(1600000000.02_000) can0 123#11",
        "(16000000",
        "(1600000000.020000) can0",
        "\x00\xff\xfe",
        "vcan0 123#11",
        "[1600000000.020000) can0 123#11",
    ],
)
def test_a_line_that_is_no_frame_is_named_and_costs_only_itself(tmp_path: Path, line: str) -> None:
    path = tmp_path / "drive.log"
    whole = log_lines(messages(10))
    # Bus and id of the wrong line are known already: what recurs is read in a shorter way.
    whole[4] = "(1600000000.020000) can0 123#00"
    path.write_bytes("\n".join([*whole[:5], line, *whole[5:]]).encode("latin-1"))

    frames, damages = play(path)

    assert len(frames) == 10
    assert [(damage.file, damage.place) for damage in damages] == [(str(path), "line 6")]


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_in_a_candump_log_costs_at_most_the_line_it_is_in_and_its_neighbour(
    tmp_path_factory: pytest.TempPathFactory, position: int, bit: int
) -> None:
    whole = "\n".join(log_lines(messages(60))).encode()
    position %= len(whole)
    damaged = bytearray(whole)
    damaged[position] ^= 1 << bit
    path = tmp_path_factory.mktemp("flip") / "drive.log"
    path.write_bytes(damaged)

    frames, _ = play(path)

    untouched = {line for line in log_lines(messages(60)) if line in damaged.decode("latin-1").split("\n")}
    assert len(untouched) >= 58
    assert len(frames) >= 58
    assert [frame.at_ms for frame in frames] == sorted(frame.at_ms for frame in frames)


@pytest.mark.parametrize("suffix", [".asc", ".trc"])
def test_damaged_lines_of_text_formats_are_named_and_the_rest_is_played(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"drive{suffix}", messages(100))
    text = path.read_text().split("\n")
    begin = next(number for number, line in enumerate(text) if "Rx" in line and not line.startswith(";"))
    text[begin + 10] = text[begin + 10][:25]
    text[begin + 20] = "garbage"
    text[begin + 30] = text[begin + 30].replace(".", "x")
    path.write_text("\n".join(text))

    frames, damages = play(path)

    assert len(frames) == 97
    assert [damage.place for damage in damages] == [f"line {begin + place}" for place in (11, 21, 31)]


def test_events_that_are_no_frames_are_not_damage(tmp_path: Path) -> None:
    path = tmp_path / "drive.asc"
    path.write_text(
        "date Sun Sep 13 12:26:40.000 2020\nbase hex  timestamps absolute\ninternal events logged\n// version 8.0.0\n"
        "Begin Triggerblock Sun Sep 13 12:26:40.000 2020\n   0.000000 Start of measurement\n"
        "   0.100000 1  123             Rx   d 2 11 22\n"
        "   0.200000 1  Statistic: D 0 R 0 XD 0 XR 0 E 0 O 0 B 0.00%\n"
        "   0.300000 1  ErrorFrame\n"
        "   0.400000 1  123             Rx   r\n"
        "   0.500000 SV: 1 0 1 ::x = 1\n"
        "   0.600000 1  124x            Rx   d 0\nEnd TriggerBlock\n"
    )
    losses = Losses()
    frames = played(Recording([path], losses=losses))

    assert [(frame.at_ms, frame.id, frame.extended) for frame in frames] == [(0, 0x123, False), (500, 0x124, True)]
    assert (losses.error, losses.remote, losses.unreadable) == (1, 1, 0)


def blf(path: Path) -> bytes:
    """A BLF file of 200 frames in containers of about 2 kB."""

    class Small(can.BLFWriter):
        max_container_size = 2000

    with Small(path) as writer:
        for message in messages(200):
            writer.on_message_received(message)
    return path.read_bytes()


def test_a_damaged_container_of_a_blf_costs_its_frames_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "drive.blf"
    content = bytearray(blf(path))
    whole = gist(play(path)[0])
    second = content.index(b"LOBJ", content.index(b"LOBJ") + 4)
    content[second + 60] ^= 0x10
    path.write_bytes(content)

    frames, damages = play(path)

    assert 120 <= len(frames) < 200
    lost = set(whole) - set(gist(frames))
    assert gist(frames) == [one for one in whole if one not in lost]
    assert [damage.place for damage in damages][:1] == [f"container at byte {second}"]


@given(position=st.integers(144, 100_000), bit=st.integers(0, 7))
@example(position=1600, bit=5)  # Compressed data that seem to go on behind the container.
@example(position=818, bit=1)  # One that says it is not compressed.
@example(position=812, bit=0)  # A container that says it is as long as the rest of the file.
def test_a_flipped_bit_anywhere_in_a_blf_never_stops_it_and_is_named_when_it_costs_frames(
    tmp_path_factory: pytest.TempPathFactory, position: int, bit: int
) -> None:
    path = tmp_path_factory.mktemp("flip") / "drive.blf"
    content = bytearray(blf(path))
    content[144 + position % (len(content) - 144)] ^= 1 << bit
    path.write_bytes(content)

    frames, damages = play(path)

    assert len(frames) >= 100
    assert len(frames) == 200 or damages


@given(length=st.integers(0, 100_000))
def test_a_torn_blf_is_played_up_to_where_it_ends(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    path = tmp_path_factory.mktemp("torn") / "drive.blf"
    content = blf(path)
    whole = gist(play(path)[0])
    length %= len(content)
    path.write_bytes(content[:length])
    if length < 300:  # Header and a part of the first container: it may hold no whole frame.
        with contextlib.suppress(RecordingError):
            assert gist(play(path)[0]) == whole[: len(play(path)[0])]
    else:
        frames, _ = play(path)
        assert gist(frames) == whole[: len(frames)]
        assert frames


def test_a_torn_gzip_file_is_played_up_to_where_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "drive.log.gz"
    packed = gzip.compress("\n".join(log_lines(messages(500))).encode())
    path.write_bytes(packed[: len(packed) // 2])

    frames, damages = play(path)

    assert 100 < len(frames) < 400
    assert "gzip" in damages[-1].what or "gzip" in damages[0].what


def test_a_damaged_gzip_file_gives_what_stands_before_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "drive.log.gz"
    packed = bytearray(gzip.compress("\n".join(log_lines(messages(500))).encode()))
    packed[len(packed) // 2 : len(packed) // 2 + 40] = b"\xff" * 40
    path.write_bytes(packed)

    frames, damages = play(path)

    assert len(frames) > 100
    assert any("gzip" in damage.what for damage in damages)


def test_several_files_are_merged_by_time(tmp_path: Path) -> None:
    content = log_lines(messages(5000))
    (tmp_path / "odd.log").write_text("\n".join(content[1::2]))
    (tmp_path / "even.log.gz").write_bytes(gzip.compress("\n".join(content[::2]).encode()))
    (tmp_path / "all.log").write_text("\n".join(content))

    both = Recording([tmp_path / "odd.log", tmp_path / "even.log.gz"])

    assert both.start_utc_ms == START_S * 1000
    assert played(both) == played(Recording([tmp_path / "all.log"]))


def timed(*seconds: float) -> str:
    return "\n".join(f"({START_S + at:.6f}) can0 {0x100 + number:03X}#00" for number, at in enumerate(seconds))


def test_frames_a_little_late_keep_their_place_and_time_never_goes_back(tmp_path: Path) -> None:
    path = tmp_path / "drive.log"
    path.write_text(timed(0, 1.000, 0.998, 1.001))
    frames, damages = play(path)
    assert [(frame.at_ms, frame.id) for frame in frames] == [(0, 0x100), (1000, 0x101), (1000, 0x102), (1001, 0x103)]
    assert not damages


@pytest.mark.parametrize("wrong", [900_000, -900_000])
def test_one_frame_with_a_damaged_time_is_left_out_and_named(tmp_path: Path, wrong: float) -> None:
    path = tmp_path / "drive.log"
    path.write_text(timed(0, 1, wrong, 2, 3))
    frames, damages = play(path)
    assert [frame.at_ms for frame in frames] == [0, 1000, 2000, 3000]
    assert len(damages) == 1
    assert "102" in damages[0].place


def test_when_the_recorders_clock_was_set_back_time_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "drive.log"
    path.write_text(timed(0, 99, 100, 20, 21, 22))
    frames, damages = play(path)
    assert [frame.at_ms for frame in frames] == [0, 99_000, 100_000, 100_000, 101_000, 102_000]
    assert len(damages) == 1
    assert "goes back by 80.000 s" in damages[0].what


def test_times_that_count_from_nowhere_are_no_calendar_times(tmp_path: Path) -> None:
    path = tmp_path / "drive.log"
    path.write_text("(0000000012.500000) can0 123#00\n(0000000013.500000) can0 123#00\n")
    recording = Recording([path])
    assert recording.start_utc_ms is None
    assert [frame.at_ms for frame in played(recording)] == [0, 1000]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("drive.csv", b"x", "expected .log, .asc, .blf, .trc, .mf4"),
        ("drive.log", b"", "holds no frame"),
        ("words.log", b"a diary", "holds no frame; line 1: expected .*; found 'a diary'"),
        ("drive.blf", b"nothing of the kind" * 20, "not a BLF file"),
        ("drive.mf4", b"nothing of the kind" * 20, "not a readable MDF 4 file"),
        ("drive.asc", b"date Sun Brumaire 3 XII\nbase hex timestamps absolute\n 0.1 1 1 Rx d 1 00\n", "datetime"),
        ("drive.asc", b"base hex timestamps relative\n 0.1 1 1 Rx d 1 00\n", "timestamps absolute"),
    ],
)
def test_what_cannot_be_played_at_all_is_an_error_that_names_the_file(
    tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RecordingError, match=expected) as error:
        Recording([tmp_path / name])
    assert name in str(error.value)
    with pytest.raises(RecordingError, match=r"absent\.log"):
        Recording([tmp_path / "absent.log"])


def test_a_real_commute_is_read_whole(shared: Path) -> None:
    recording = Recording([shared / "data/logs/car_obd2_gnss_imu_css_trip1_40min.log.gz"])
    frames = played(recording)
    assert len(frames) == 292_097
    assert recording.losses.unreadable == 0
    assert recording.start_utc_ms == 1_627_274_455_012
    assert frames[-1].at_ms == 1_627_276_844_313 - 1_627_274_455_012
    assert {frame.bus for frame in frames} == {"can0", "can1"}
