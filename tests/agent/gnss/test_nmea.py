from __future__ import annotations

import datetime
import functools
import gzip
import operator
from pathlib import Path

import pytest

from agent.bus.frame import Frame
from agent.bus.losses import Damage, Losses
from agent.bus.recording import Recording, RecordingError
from agent.devices.messages import decoder
from agent.gnss.fix import BUS, Fix, to_frame, utc_ms
from agent.gnss.recorded import fixes, merged
from contract.profile.devices import RECEIVER_SIGNALS

raw_values = decoder(BUS, [signal.name.partition(".")[2] for signal in RECEIVER_SIGNALS])
START = datetime.datetime(2021, 7, 26, 5, 0, tzinfo=datetime.UTC)
START_UTC_MS = int(START.timestamp() * 1000)


def sentence(body: str) -> str:
    return f"${body}*{functools.reduce(operator.xor, body.encode()):02X}"


def rmc(
    time: str, date: str = "260721", status: str = "A", place: str = "5557.5556,N,00959.2832,E", mode: str = "A"
) -> str:
    return sentence(f"GNRMC,{time},{status},{place},43.23,230.0,{date},,,{mode}")


def gga(time: str, quality: int = 1, altitude: str = "115.4", place: str = "5557.5556,N,00959.2832,E") -> str:
    return sentence(f"GNGGA,{time},{place},{quality},09,1.0,{altitude},M,0.0,M,,")


def read(tmp_path: Path, *lines: str, start_utc_ms: int = START_UTC_MS) -> tuple[list[Fix], list[Damage]]:
    path = tmp_path / "drive.nmea"
    path.write_text("\r\n".join(lines))
    damages: list[Damage] = []
    return list(fixes(path, start_utc_ms, Losses(damages.append))), damages


def test_the_sentences_of_one_instant_make_one_fix_at_their_utc(tmp_path: Path) -> None:
    found, damages = read(
        tmp_path,
        rmc("050001.50"),
        sentence("GNVTG,229.5,T,,M,43.23,N,80.06,K,A"),
        gga("050001.50"),
        sentence("GNGSA,A,3,01,02,,,,,,,,,,,1.5,1.0,1.1"),
        sentence("GPGSV,1,1,00"),
        rmc("050002.50"),
    )
    assert not damages
    assert len(found) == 2
    fix = found[0]
    assert (fix.at_ms, fix.fix, fix.satellites, fix.altitude_m, fix.heading) == (1500, 3, 9, 115.4, 230.0)
    assert fix.latitude == pytest.approx(55 + 57.5556 / 60)
    assert fix.longitude == pytest.approx(9 + 59.2832 / 60)
    assert fix.speed_kmh == 80.06
    assert found[1].at_ms == 2500
    assert found[1].speed_kmh == pytest.approx(43.23 * 1.852)


@pytest.mark.parametrize(
    "lines",
    [
        [rmc("050001", status="V")],
        [rmc("050001"), gga("050001", quality=0)],
        [rmc("050001", status="V"), gga("050001")],
        [gga("050001", quality=6)],
        [sentence("GPRMC,999999,A,x,N,y,E,,,260721,,,A")],
        [gga("050001", quality=8)],
        [rmc("050001", mode="E")],
        [rmc("050001", place=",,,")],
        [gga("050001", place=",,,")],
        [rmc("050001", status="V", place="0000.0000,N,00000.0000,E"), gga("050001", 0, "0.0", "0000.0,N,00000.0,E")],
    ],
)
def test_without_a_measured_fix_there_is_no_position(tmp_path: Path, lines: list[str]) -> None:
    found, damages = read(tmp_path, rmc("050000"), *lines)
    assert not damages
    assert len(found) == 2
    fix = found[1]
    assert (fix.longitude, fix.latitude, fix.altitude_m, fix.heading, fix.fix, fix.speed_kmh) == (None,) * 6


def test_a_2d_fix_has_no_altitude(tmp_path: Path) -> None:
    flat = sentence("GNGSA,A,2,01,02,03,,,,,,,,,,1.5,1.0,1.1")
    found, _ = read(
        tmp_path, rmc("050001"), gga("050001"), flat, rmc("050002"), gga("050002", altitude=""), rmc("050003")
    )
    assert [(fix.fix, fix.altitude_m) for fix in found] == [(2, None), (2, None), (2, None)]
    assert all(fix.latitude is not None for fix in found)


def test_instants_without_time_stand_a_second_apart_before_the_first_one_and_after_any_other(tmp_path: Path) -> None:
    searching = [sentence("GPRMC,,V,,,,,,,,,,N"), sentence("GPGGA,,,,,,0,00,99.99,,,,,,")]
    found, _ = read(tmp_path, *searching * 3, rmc("050002"), gga("050002"), *searching * 2, rmc("050010"))
    # The first of the three would have been before the recording began.
    assert [(fix.at_ms, fix.fix) for fix in found] == [
        (0, None), (1000, None), (2000, 3), (3000, None), (4000, None), (10_000, 2)
    ]  # fmt: skip


def test_the_date_goes_on_over_midnight_also_where_no_rmc_says_so(tmp_path: Path) -> None:
    start = int(datetime.datetime(2021, 7, 26, 23, 59, 58, tzinfo=datetime.UTC).timestamp() * 1000)
    found, _ = read(
        tmp_path,
        rmc("235959"),
        gga("235959"),
        gga("000000"),
        gga("000001"),
        rmc("000002", "270721"),
        start_utc_ms=start,
    )
    assert [fix.at_ms for fix in found] == [1000, 2000, 3000, 4000]


@pytest.mark.parametrize(
    "wrong",
    [
        rmc("050002").replace("43.23", "43.24"),
        rmc("050002").rpartition("*")[0],
        rmc("050002")[:30],
        "\x00\x7f#garbage",
    ],
)
def test_a_wrong_sentence_is_counted_and_says_nothing(tmp_path: Path, wrong: str) -> None:
    found, damages = read(tmp_path, rmc("050001"), wrong, rmc("050003"))
    assert [fix.at_ms for fix in found] == [1000, 3000]
    assert [damage.place for damage in damages] == ["line 2"]


def test_a_recording_without_calendar_times_cannot_be_paired(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no calendar times"):
        list(fixes(tmp_path / "drive.nmea", None, Losses()))
    with pytest.raises(RecordingError, match=r"absent\.nmea"):
        list(fixes(tmp_path / "absent.nmea", 0, Losses()))


def test_a_fix_travels_as_a_frame_without_losing_more_than_its_resolution() -> None:
    names = [signal.name for signal in RECEIVER_SIGNALS]
    fix = Fix(7, 1_627_275_600_123, -179.99999994, 89.1234567, -12.34, 359.96, 12, 3, 80.064)
    values = dict(zip(names, raw_values(to_frame(fix).data), strict=True))
    assert values == {
        "GNSS.Longitude": -1_799_999_999, "GNSS.Latitude": 891_234_567, "GNSS.Altitude": -123, "GNSS.Heading": 0,
        "GNSS.Satellites": 12, "GNSS.Fix": 3, "GNSS.Speed": 8006,
    }  # fmt: skip
    assert utc_ms(to_frame(fix).data) == 1_627_275_600_123
    assert set(raw_values(to_frame(Fix(7)).data)) == {None}
    assert utc_ms(to_frame(Fix(7)).data) is None


def test_fixes_are_merged_with_frames_by_time() -> None:
    frames = [Frame(at_ms, "can0", 1, False, b"") for at_ms in (0, 10, 20, 30)]
    sources = merged([frames[:2], [], frames[2:]], [Fix(5), Fix(20), Fix(29), Fix(31)])
    assert [(frame.at_ms, frame.bus) for batch in sources for frame in batch] == [
        (0, "can0"), (5, "GNSS"), (10, "can0"), (20, "can0"), (20, "GNSS"), (29, "GNSS"), (30, "can0")
    ]  # fmt: skip


def test_the_derived_trip_has_no_fix_before_the_first_and_then_one_a_second(shared: Path) -> None:
    derived = shared / "data/derived"
    recording = Recording([derived / "psa_conf_trip_a.log.gz"])
    with gzip.open(derived / "psa_conf_trip_a.nmea.gz", "rt") as file:
        timed = [line.split(",")[1] for line in file if line.startswith("$GPRMC,") and ",A," in line]
    found = list(fixes(derived / "psa_conf_trip_a.nmea.gz", recording.start_utc_ms, Losses()))
    placed = [fix for fix in found if fix.fix is not None]
    assert len(placed) == len(timed)
    assert all(fix.latitude is None and fix.longitude is None for fix in found if fix.fix is None)
    assert [fix.at_ms for fix in found] == sorted(fix.at_ms for fix in found)
    first = datetime.datetime.fromtimestamp((placed[0].at_ms + (recording.start_utc_ms or 0)) / 1000, datetime.UTC)
    assert first.strftime("%H%M%S") == timed[0][:6]


@pytest.mark.parametrize(
    "odd",
    [
        sentence("GNRMC,050001.50,A,5557.5556,N,00959.2832,E,inf,inf,260721,,,A"),
        sentence("GNVTG,inf,T,,M,43.23,N,inf,K,A"),
        sentence("GNVTG,229.5,T,,M,43.23,N"),
        gga("050001.50", altitude="inf"),
        gga("050001.50", altitude="nan"),
        sentence("GNGGA,050001.50,5557.5556,N,00959.2832,E,1,inf,1.0,115.4,M,0.0,M,,"),
        sentence("GNGSA,A"),
    ],
)
def test_what_is_no_number_is_left_out_even_under_a_right_checksum(tmp_path: Path, odd: str) -> None:
    found, _ = read(tmp_path, rmc("050001.50"), odd, rmc("050002.50"))
    assert len(found) == 2
    for fix in found:
        raw_values(to_frame(fix).data)
        assert fix.latitude == pytest.approx(55 + 57.5556 / 60)
