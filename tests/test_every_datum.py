"""Every datum of the catalog can be mapped: from a signal of a database, through plan, upload and unifier."""

from __future__ import annotations

from pathlib import Path

from cloud_bridge.records.model import Value
from contract.alert_types import ALERT_TYPES
from contract.catalog import DATA, Datum, Kind
from tests.shipped.drive import drive, recorded

MAPPED = {key: datum for key, datum in DATA.items() if not key.startswith("alert.")}
SIGNALS = [*MAPPED, *(f"alert.{alert}" for alert in ALERT_TYPES)]
FIRST_ID = 0x100
RAW = 1
"""What every signal says."""


def choices(datum: Datum) -> tuple[str, ...]:
    return ("No", "Yes") if datum.kind is Kind.BOOLEAN else datum.values


def database() -> str:
    lines = ['VERSION ""', "BS_:", "BU_: X"]
    values = []
    for number, key in enumerate(SIGNALS):
        message, byte = divmod(number, 8)
        if byte == 0:
            lines.append(f"BO_ {FIRST_ID + message} M{message}: 8 X")
        lines.append(f' SG_ S{byte} : {8 * byte}|8@1+ (1,0) [0|255] "{DATA[key].unit}" X')
        if names := choices(DATA[key]):
            table = " ".join(f'{raw} "{name}"' for raw, name in enumerate(names))
            values.append(f"VAL_ {FIRST_ID + message} S{byte} {table} ;")
    return "\n".join([*lines, *values, ""])


def profile() -> str:
    signals = {key: f"M{number // 8}.S{number % 8}" for number, key in enumerate(SIGNALS)}
    lines = ['model = "all"', 'label = "All"', 'brand = "All"', 'motorization = "Hybrid"']
    lines += ["[buses.can0]", 'databases = ["all.dbc"]', "[classes]", 'fast = { every = "1s" }', "[signals]"]
    lines += [f'"{signal}" = {{ class = "fast" }}' for signal in signals.values()]
    lines += ["[gnss]", 'source = "can"', "[data]"]
    for key, datum in MAPPED.items():
        table = ", values = { Yes = true, No = false }" if datum.kind is Kind.BOOLEAN else ""
        lines.append(f'"{key}" = {{ from = "{signals[key]}"{table} }}')
    lines.append("[alerts]")
    lines += [f'{alert} = {{ from = "{signals[f"alert.{alert}"]}", is = ["Yes"] }}' for alert in ALERT_TYPES]
    return "\n".join([*lines, ""])


def expected(datum: Datum) -> Value:
    if datum.kind is Kind.BOOLEAN:
        return True
    return datum.values[RAW] if datum.kind is Kind.ENUM else RAW


def test_every_datum_of_the_catalog_can_be_mapped_with_its_unit_and_its_values(tmp_path: Path) -> None:
    (tmp_path / "all.dbc").write_text(database())
    (tmp_path / "all.toml").write_text(profile())
    messages = -(-len(SIGNALS) // 8)
    said = [("can0", f"{FIRST_ID + number:03X}", f"{RAW:02X}" * 8) for number in range(messages)]
    found = drive(tmp_path / "all.toml", recorded(tmp_path, said)).said
    assert {key: {value for _, value in values} for key, values in found.items()} == {
        key: {expected(DATA[key])} for key in SIGNALS
    }
