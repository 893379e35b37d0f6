"""A snapshot as people read it, on a terminal or in a text."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from rich.table import Table
from rich.text import Text

from agent.cli.show import clock_time, size
from agent.health.snapshot import BusHealth, Health, UplinkHealth
from contract.version import VERSION

_BAD = "red"
_DOUBTFUL = "yellow"
_BYTES = "_bytes"
_UNITS = {"_s": "s", "_ms": "ms", "_v": "V", "_dbm": "dBm"}
_BESIDE = frozenset(("vin", "model", "boot", "pid", "uptime_s", "state", "privacy", "buses", "version", "format"))
_STYLES = {
    ("journal", "trouble"): _BAD,
    ("journal", "wear_spent"): _DOUBTFUL,
    ("journal", "newer"): _DOUBTFUL,
    ("clock", "refused"): _DOUBTFUL,
    ("uplink", "budget_spent"): _DOUBTFUL,
}
Row = tuple[str, Text]


def overview(health: Health, before: Health | None = None) -> Table:
    """`before`: an earlier snapshot of the same agent, which makes rates of counts."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, text in [*_identity(health), *_buses(health, before), *_sections(health)]:
        table.add_row(name, text)
    return table


def _identity(health: Health) -> Iterator[Row]:
    yield "vehicle", Text(f"{health.vin}  {health.model}")
    version = Text(f"canlift {health.version}, process {health.pid}, for {clock_time(round(health.uptime_s * 1000))}")
    if health.version != VERSION:
        version.append(f"  this command is {VERSION}", _DOUBTFUL)
    yield "agent", version
    yield "boot", Text(health.boot)
    yield "state", Text(health.state or "not known yet")
    if health.privacy is not None:
        privacy = Text(health.privacy, "" if health.privacy == "None" else _DOUBTFUL)
        if health.privacy_unwritten:
            privacy.append(f"  {health.privacy_unwritten:,} writes refused by the disk", _BAD)
        yield "privacy", privacy


def _buses(health: Health, before: Health | None) -> Iterator[Row]:
    for name, bus in health.buses.items():
        text = Text(bus.interface)
        if not bus.open:
            text.append("  not open", _BAD)
        rate = _frames_a_second(name, health, before)
        text.append(f"  {bus.frames:,} frames" + ("" if rate is None else f"  {rate:,.0f}/s"))
        if bus.only_errors:
            text.append("  nothing but error frames: is its bit rate that of the vehicle?", _BAD)
        elif bus.silent_s is not None and bus.silent_s >= 1:
            text.append(f"  silent for {bus.silent_s:.0f} s", _DOUBTFUL)
        elif bus.silent:
            text.append("  silent", _DOUBTFUL)
        for what, count in _mishaps(bus):
            if count:
                text.append(f"  {count:,} {what}", _DOUBTFUL)
        yield name, text


def _mishaps(bus: BusHealth) -> tuple[tuple[str, int], ...]:
    return (
        ("dropped", bus.dropped),
        ("error frames", bus.error_frames),
        ("times bus-off", bus.bus_off),
        ("unreadable", bus.unreadable),
        ("times opened again", bus.recovered),
    )


def _frames_a_second(name: str, health: Health, before: Health | None) -> float | None:
    earlier = None if before is None or before.boot != health.boot else before.buses.get(name)
    if earlier is None or before is None or health.uptime_s <= before.uptime_s:
        return None
    return (health.buses[name].frames - earlier.frames) / (health.uptime_s - before.uptime_s)


def _sections(health: Health) -> Iterator[Row]:
    """Every other section, field by field: what is unknown, and counts of 0, are left out."""
    for section in Health.__struct_fields__:
        value = getattr(health, section)
        if section in _BESIDE or not isinstance(value, msgspec.Struct):
            continue
        text = Text()
        for field in value.__struct_fields__:
            shown = _shown(field, getattr(value, field))
            if shown is not None:
                text.append(("  " if text else "") + shown, _STYLES.get((section, field), ""))
        if section == "uplink" and health.uplink is not None:
            _judge(text, health.uplink)
        yield section, text or Text("nothing yet", "dim")


def _judge(text: Text, uplink: UplinkHealth) -> None:
    if not uplink.connected and not uplink.budget_spent:
        text.append("  no broker", _BAD)
    elif uplink.bridge_silent and not uplink.budget_spent:
        text.append("  no receipts", _DOUBTFUL)


def _shown(field: str, value: object) -> str | None:
    if value is None or value is False or (isinstance(value, int | dict) and not value and field != "depth"):
        return None
    if value is True:
        return field.replace("_", " ")
    if isinstance(value, dict):
        what = "" if field.startswith("by_") else f"{field.replace('_', ' ')} "
        return what + ", ".join(f"{name} {number:,}" for name, number in value.items())
    if isinstance(value, str):
        return f"{field.replace('_', ' ')} {value}"
    if not isinstance(value, int | float):
        return None
    if field.endswith(_BYTES):
        return f"{field.removesuffix(_BYTES).replace('_', ' ')} {size(int(value))}"
    for ending, unit in _UNITS.items():
        if field.endswith(ending):
            return f"{field.removesuffix(ending).replace('_', ' ')} {value:,.4g} {unit}"
    return f"{value:,} {field.replace('_', ' ')}"
