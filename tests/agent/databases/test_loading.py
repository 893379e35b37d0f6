"""Databases: all real ones load, whole, and say what their lines say; what is no database says so."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import cantools
import pytest
from cantools.database.can import Database
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from agent.databases.layouts import UNSENT_ID, MessageLayout, SignalLayout, overlapping
from agent.databases.loading import DatabaseError, Loaded, load
from agent.databases.messages import usable
from tests.agent.decode.test_decoders import MESSY, READABLE, unhealed

SIGNAL_LINE = re.compile(
    r"^\s*SG_\s+(\S+)(?: (M|m\d+M?))?\s*:\s*(\d+)\|(\d+)@([01])([+-])\s*\(([^,]+),([^)]+)\)"
    r"\s*\[([^|]*)\|([^\]]*)\]\s*\"([^\"]*)\""
)
MESSAGE_LINE = re.compile(r"^\s*BO_\s+(\d+)\s+([^\s:]+)\s*:\s*(\d+)")
UNASSIGNED_ID = 0xC000_0000
EXPECTED_SHARE = 0.99
"""Of the signal lines of a file."""
ALL = [*READABLE, *(f"messy/{name}" for name in MESSY)]


def lines_of(path: Path) -> list[str]:
    content = path.read_bytes()
    try:
        return content.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        return content.decode("cp1252").splitlines()


@cache
def read_once(path: Path) -> Loaded:
    """Read once for all tests."""
    return load(path)


def write(folder: Path, text: str, name: str = "car.dbc", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_text(text, encoding)
    return path


@pytest.mark.parametrize("name", ALL)
def test_every_signal_line_of_a_real_database_is_a_signal_with_what_the_line_says(shared: Path, name: str) -> None:
    path = shared / f"data/dbc/{name}.dbc"
    loaded = read_once(path)
    by_id = {layout.id: layout for layout in loaded.layouts}
    signal_lines = read = 0
    message: MessageLayout | None = None
    for line in lines_of(path):
        if head := MESSAGE_LINE.match(line):
            can_id = UNSENT_ID if int(head[1]) == UNASSIGNED_ID else int(head[1]) & 0x1FFF_FFFF
            message = by_id[can_id]
            assert message.name == usable(head[2]) or (len(head[2]) == 32 and message.name.startswith(head[2]))
            assert message.length == int(head[3])
            assert message.extended == (int(head[1]) > 0x7FF)
        if not line.strip().startswith("SG_ "):
            continue
        signal_lines += 1
        match = SIGNAL_LINE.match(line)
        assert match is not None, line
        assert message is not None
        name, mark, start, length, order, sign, scale, offset, minimum, maximum, unit = match.groups()
        # A name of more than 32 characters is in an attribute; the line has its beginning.
        (signal,) = [
            s for s in message.signals if s.name == usable(name) or (len(name) == 32 and s.name.startswith(name))
        ]
        read += 1
        assert (signal.start, signal.length) == (int(start), int(length))
        assert (signal.little_endian, signal.signed) == (order == "1", sign == "-")
        assert (signal.scale, signal.offset, signal.unit) == (float(scale), float(offset), unit)
        assert (float(signal.minimum or 0), float(signal.maximum or 0)) == (float(minimum), float(maximum))
        assert (signal.multiplexer is not None) == (mark is not None and mark.startswith("m"))
        assert signal.is_multiplexer == (mark is not None and mark.endswith("M"))
    assert read == sum(len(layout.signals) for layout in loaded.layouts)
    assert read >= EXPECTED_SHARE * signal_lines
    assert signal_lines > 0


@pytest.mark.parametrize("name", READABLE)
def test_a_database_that_cantools_reads_is_read_as_cantools_reads_it(shared: Path, name: str) -> None:
    path = shared / f"data/dbc/{name}.dbc"
    layouts = [layout for layout in read_once(path).layouts if layout.id != UNSENT_ID]
    for layout, message in zip(layouts, unhealed(path).messages, strict=True):
        assert (layout.name, layout.id, layout.length) == (message.name, message.frame_id, message.length)
        assert (layout.extended, layout.fd) == (message.is_extended_frame, message.is_fd)
        assert layout.cycle_ms == message.cycle_time
        for signal, known in zip(layout.signals, message.signals, strict=True):
            assert (signal.name, signal.start, signal.length) == (known.name, known.start, known.length)
            assert (signal.scale, signal.offset) == (known.scale, known.offset)
            assert (signal.minimum, signal.maximum, signal.unit) == (known.minimum, known.maximum, known.unit or "")
            assert signal.choices == {raw: str(text) for raw, text in (known.choices or {}).items()}


@pytest.mark.parametrize("name", ALL)
def test_no_line_of_a_real_database_is_healed_without_a_finding_and_no_signal_is_left_out(
    shared: Path, name: str
) -> None:
    path = shared / f"data/dbc/{name}.dbc"
    lines = lines_of(path)
    findings = read_once(path).findings
    assert [finding.line for finding in findings] == sorted(finding.line for finding in findings)
    assert {finding.file for finding in findings} <= {path.name}
    quarantined = [lines[finding.line - 1] for finding in findings if finding.action == "quarantined"]
    assert all(line.lstrip().startswith(("CM_", "VAL_ ")) for line in quarantined)
    healed = [finding for finding in findings if finding.action != "kept"]
    # What cantools takes needs no repair; comments on signals that do not exist say nothing to it either.
    if name in READABLE:
        assert all("that the file does not have" in finding.found for finding in healed)
    else:
        assert healed


@pytest.mark.parametrize(
    ("name", "line", "found"),
    [
        ("psa_aee2010_r3", 165, "signal 0_COUNTER is no DBC name, read as _0_COUNTER"),
        ("chrysler_ram_dt_generated", 22, "scale of signal ENGINE_TORQ_MAX is .25, read as 0.25"),
        ("fca_giorgio", 228, "id 506855454 of message CAM_UNKNOWN_6 has 29 bits but no extended flag"),
        ("honda_civic_touring_2016_can_generated", 211, "comment with no signal name"),
        ("hyundai_can_generated", 1659, "comment with no type"),
        ("toyota_radar_dsu_tssp", 138, "comment with no semicolon"),
        ("mazda_2017", 273, "message 2017_5 is no DBC name, read as _2017_5"),
    ],
)
def test_known_dirt_is_repaired_and_reported_at_its_line(shared: Path, name: str, line: int, found: str) -> None:
    findings = read_once(shared / f"data/dbc/messy/{name}.dbc").findings
    assert [f for f in findings if f.line == line and f.found.startswith(found) and f.action == "repaired"]


@pytest.mark.parametrize(
    ("name", "line", "signal"),
    [
        ("tesla_can", 783, "568, UI_mapSpeedLimit"),
        ("gm_global_a_powertrain_generated", 348, "715, GasRegenCmdActiveInv"),
    ],
)
def test_value_names_for_a_missing_signal_are_left_out_and_reported(
    shared: Path, name: str, line: int, signal: str
) -> None:
    (finding,) = [f for f in read_once(shared / f"data/dbc/messy/{name}.dbc").findings if f.action == "quarantined"]
    assert finding.line == line
    assert finding.found.endswith(signal)


def test_value_names_units_and_cycle_times_come_with_the_layouts(shared: Path) -> None:
    layouts = {layout.name: layout for layout in read_once(shared / "data/dbc/psa_aee2004_ls_conf.dbc").layouts}
    assert any(layout.cycle_ms for layout in layouts.values())
    choices = [signal.choices for layout in layouts.values() for signal in layout.signals if signal.choices]
    assert {type(raw) for each in choices for raw in each} == {int}
    assert any(signal.unit == "km/h" for layout in layouts.values() for signal in layout.signals)


@settings(max_examples=60)
@given(data=st.data())
def test_a_damaged_line_costs_no_other_message(
    shared: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = shared / "data/dbc/messy/chrysler_ram_hd_generated.dbc"
    lines = lines_of(path)
    at = data.draw(st.sampled_from([n for n, line in enumerate(lines) if line.lstrip().startswith(("BO_ ", "SG_ "))]))
    start = data.draw(st.integers(0, len(lines[at])))
    end = data.draw(st.integers(start, len(lines[at])))
    filling = data.draw(st.text(st.sampled_from('Am_0 9:|@+-(,)[]";.é'), max_size=6))
    head = max(n for n, line in enumerate(lines[: at + 1]) if line.startswith("BO_ "))
    name = lines[head].split()[2].rstrip(":")
    lines[at] = lines[at][:start] + filling + lines[at][end:]
    assume(lines[at].strip())
    damaged = load(write(tmp_path_factory.mktemp("damaged"), "\n".join(lines), "damaged.dbc"))
    expected = [undisturbed(layout) for layout in read_once(path).layouts if layout.name != name]
    found = [undisturbed(layout) for layout in damaged.layouts]
    assert [layout for layout in found if layout in expected] == expected
    assert len(found) <= len(expected) + 1


def undisturbed(layout: MessageLayout) -> MessageLayout:
    """Value names left out: those of a damaged id may be lost or found elsewhere."""
    return replace(layout, signals=tuple(replace(signal, choices={}) for signal in layout.signals))


def test_signals_that_no_message_carries_are_kept_under_an_id_that_no_frame_can_have(tmp_path: Path) -> None:
    text = (
        "BO_ 3221225472 VECTOR__INDEPENDENT_SIG_MSG: 0 Vector__XXX\n"
        ' SG_ Spare : 0|12@1- (0.5,1) [0|0] "V" Vector__XXX\n\n'
        'BO_ 2684354559 Last: 8 ECU\n SG_ A : 0|8@1+ (1,0) [0|0] "" ECU\n\n'
        'VAL_ 3221225472 Spare 1 "one" ;\n'
    )
    loaded = load(write(tmp_path, text))
    assert loaded.findings == ()
    spare, last = loaded.layouts
    assert (spare.name, spare.id, spare.length) == ("VECTOR__INDEPENDENT_SIG_MSG", UNSENT_ID, 0)
    assert spare.signals == (SignalLayout("Spare", 0, 12, True, True, False, 0.5, 1, unit="V", choices={1: "one"}),)
    assert (last.name, last.id) == ("Last", 0x1FFF_FFFF)


def test_overlapping_signals_are_all_kept_and_reported_once_for_their_message(tmp_path: Path) -> None:
    signals = "".join(f' SG_ S{number} : 0|8@1+ (1,0) [0|0] "" ECU\n' for number in range(4))
    loaded = load(write(tmp_path, f"BO_ 100 M: 8 ECU\n{signals}"))
    (layout,) = loaded.layouts
    assert len(layout.signals) == 4
    assert len(overlapping(layout)) == 6
    (finding,) = loaded.findings
    assert (finding.line, finding.action) == (3, "kept")
    assert finding.found.endswith("S0 and S1, S0 and S2, S1 and S2 and 3 more pairs")


def test_signals_on_different_pages_do_not_overlap(tmp_path: Path) -> None:
    text = "BO_ 100 M: 8 ECU\n" + "".join(
        f' SG_ {name} : {start}|8@1+ (1,0) [0|0] "" ECU\n' for name, start in (("P M", 0), ("A m0", 8), ("B m1", 8))
    )
    assert load(write(tmp_path, text)).findings == ()


def test_names_of_selectors_and_their_values_come_outermost_first(shared: Path) -> None:
    (layout,) = read_once(shared / "data/dbc/obd2_css.dbc").layouts
    speed = next(signal for signal in layout.signals if signal.name == "S1_PID_0D_VehicleSpeed")
    assert speed.multiplexer == (("service", (1,)), ("ParameterID_Service01", (13,)))


def test_units_in_the_code_page_of_windows_are_read(tmp_path: Path) -> None:
    text = 'BO_ 100 M: 8 ECU\n SG_ T : 0|8@1+ (1,-40) [0|0] "°C" ECU\n'
    for encoding in ("cp1252", "utf-8", "utf-8-sig"):
        (layout,) = load(write(tmp_path, text, encoding=encoding)).layouts
        assert layout.signals[0].unit == "°C"


def test_windows_line_ends_change_neither_layouts_nor_line_numbers(tmp_path: Path) -> None:
    text = 'BO_ 100 M: 8 ECU\n SG_ 2nd : 0|8@1+ (1,0) [0|0] "" ECU\n'
    unix, windows = load(write(tmp_path, text)), load(write(tmp_path, text.replace("\n", "\r\n"), "car2.dbc"))
    assert unix.layouts == windows.layouts
    assert [finding.line for finding in windows.findings] == [2]


@pytest.mark.parametrize("form", ["kcd", "sym"])
def test_other_formats_give_the_same_layouts(tmp_path: Path, form: str) -> None:
    text = (
        'BO_ 100 Motor: 8 ECU\n SG_ Page M : 0|8@1+ (1,0) [0|0] "" ECU\n'
        ' SG_ Torque m1 : 15|16@0- (0.5,-2) [-9|9] "Nm" ECU\n'
        ' SG_ Ratio m2 : 8|32@1- (1,0) [0|0] "" ECU\nSIG_VALTYPE_ 100 Ratio : 1;\nVAL_ 100 Torque 1 "one" 2 "two" ;\n'
    )
    path = write(tmp_path, text)
    database = cantools.database.load_file(path)
    assert isinstance(database, Database)
    cantools.database.dump_file(database, tmp_path / f"car.{form}")
    expected, given = load(path), load(tmp_path / f"car.{form}")
    assert {signal.name: place(signal) for signal in signals(given)} == {
        signal.name: place(signal) for signal in signals(expected)
    }


def signals(loaded: Loaded) -> tuple[SignalLayout, ...]:
    (layout,) = loaded.layouts
    assert layout.id == 100
    return layout.signals


def place(signal: SignalLayout) -> tuple[object, ...]:
    return (
        *(signal.start, signal.length, signal.little_endian, signal.is_float, signal.scale, signal.offset),
        *(signal.unit, signal.choices, signal.is_multiplexer, signal.multiplexer and signal.multiplexer[0][1]),
    )


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("car.dbc", "<html>Not found</html>", "car.dbc:1: no message .BO_. in it, so this is no DBC file; check"),
        ("car.dbc", "", "car.dbc:1: no message"),
        (
            "car.dbc",
            'BO_ x M: 8 ECU\n SG_ A : 0|8@1+ (1,0) [0|0] "" ECU\nBO_ 1 : \n',
            "car.dbc:1: not a message: BO_ x M",
        ),
        (
            "car.txt",
            "BO_ 1 M: 8 ECU",
            "car.txt: not a CAN database by its name; expected one of .dbc, .kcd, .sym, .arxml",
        ),
        ("car.kcd", "<html>", "car.kcd: not readable as KCD"),
        ("car.arxml", "<a/>", "car.arxml: not readable as ARXML"),
        ("car.sym", "what", "car.sym: not readable as SYM"),
    ],
)
def test_what_is_no_database_is_refused_with_file_and_remedy(tmp_path: Path, name: str, text: str, found: str) -> None:
    with pytest.raises(DatabaseError, match=found):
        load(write(tmp_path, text, name))


def test_a_missing_database_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"nowhere\.dbc: cannot be read: No such file"):
        load(tmp_path / "nowhere.dbc")
    folder = tmp_path / "folder.dbc"
    folder.mkdir()
    with pytest.raises(DatabaseError, match=r"folder\.dbc: cannot be read"):
        load(folder)
