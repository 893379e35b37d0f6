"""Databases: the layouts of a vehicle's messages, read from DBC, KCD, SYM or ARXML files by cantools.

Real DBC files are dirty and cantools refuses a file for one bad line. So DBC text is healed first
(`agent.databases.healing`); what was repaired or left out is reported, and the rest of the file is read as if nothing
had been wrong.
Reading takes a large file a second or more and some 40 MB: it belongs in the compile step, not in the running service.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

import cantools
from cantools.database.can import Database, Message, Signal
from cantools.database.errors import UnsupportedDatabaseFormatError
from msgspec.structs import replace

from agent.databases.finding import Finding
from agent.databases.healing import Healed, heal, quarantine
from agent.databases.layouts import UNSENT_ID, MessageLayout, Multiplexer, SignalLayout, overlapping
from agent.databases.loaded import DatabaseError, Loaded
from agent.databases.messages import EXTENDED, UNASSIGNED

__all__ = ["DatabaseError", "Finding", "Loaded", "MessageLayout", "SignalLayout", "load"]

MESSAGE_LINE = re.compile(r"^\s*BO_\s+\d+\s", re.MULTILINE)
SHOWN_PAIRS = 3
"""Pairs of overlapping signals that a finding names; the others are counted."""
FORMATS = {".dbc": "dbc", ".kcd": "kcd", ".sym": "sym", ".arxml": "arxml"}


def load(path: Path) -> Loaded:
    """Read a CAN database. Raises DatabaseError for a file that is missing or is no database."""
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        raise DatabaseError(f"{path}: not a CAN database by its name; expected one of {', '.join(FORMATS)}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatabaseError(f"{path}: cannot be read: {error.strerror}; check the path in the profile") from error
    text = _text(content)
    return _load_dbc(text, path) if form == "dbc" else _load_other(text, path, form)


def _load_dbc(text: str, path: Path) -> Loaded:
    if not MESSAGE_LINE.search(text):
        raise DatabaseError(f"{path}:1: no message (BO_) in it, so this is no DBC file; check the path in the profile")
    healed = heal(text, path.name)
    try:
        database = _read(healed.text, "dbc")
    except UnsupportedDatabaseFormatError:
        healed = quarantine(healed, _refusal)
        database = _read(healed.text, "dbc")
    if not database.messages:
        raise DatabaseError(f"{healed.findings[0]}; no message of the file can be read, mend it or use another")
    layouts = []
    for message in database.messages:
        layout = _message(message)
        if healed.unassigned_id == _dbc_id(layout):
            layout = replace(layout, name=UNASSIGNED, id=UNSENT_ID)
        layouts.append(layout)
    findings = sorted([*healed.findings, *_overlaps(layouts, healed)], key=lambda finding: finding.line)
    return Loaded(tuple(layouts), tuple(findings))


def _overlaps(layouts: Iterable[MessageLayout], healed: Healed) -> Iterator[Finding]:
    """One finding for each message of which signals share bits: harmless to decoders, but often a mistake."""
    signal_lines = {(block.id, name): signal.line for block in healed.blocks for name, signal in block.signals.items()}
    message_lines = {block.id: block.statement.line for block in healed.blocks}
    for layout in layouts:
        if layout.id != UNSENT_ID and (shared := overlapping(layout)):
            number = _dbc_id(layout)
            pairs = ", ".join(f"{one.name} and {other.name}" for one, other in shared[:SHOWN_PAIRS])
            more = f" and {len(shared) - SHOWN_PAIRS} more pairs" if len(shared) > SHOWN_PAIRS else ""
            found = f"signals of {layout.name} share bits, each is read on its own: {pairs}{more}"
            line = signal_lines.get((number, shared[0][1].name), message_lines[number])
            yield Finding(healed.file, line, found, "kept")


def _dbc_id(layout: MessageLayout) -> int:
    return layout.id | EXTENDED * layout.extended


def _load_other(text: str, path: Path, form: str) -> Loaded:
    try:
        database = _read(text, form)
    except UnsupportedDatabaseFormatError as error:
        raise DatabaseError(f"{path}: not readable as {form.upper()}: {error}; export it again or as DBC") from error
    if not database.messages:
        raise DatabaseError(f"{path}: no message in it; check the path in the profile")
    return Loaded(tuple(_message(message) for message in database.messages), ())


def _read(text: str, form: str) -> Database:
    database = cantools.database.load_string(text, form, strict=False)
    return cast("Database", database)


def _refusal(text: str) -> str | None:
    try:
        _read(text, "dbc")
    except UnsupportedDatabaseFormatError as error:
        return " ".join(str(error.e_dbc).split())
    return None


def _text(content: bytes) -> str:
    """UTF-8 as some tools write it, else the Windows code page that Vector's tools use."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _message(message: Message) -> MessageLayout:
    signals = {signal.name: signal for signal in message.signals}
    return MessageLayout(
        name=message.name,
        id=message.frame_id,
        extended=message.is_extended_frame,
        fd=message.is_fd,
        length=message.length,
        cycle_ms=message.cycle_time,
        signals=tuple(_signal(signal, signals) for signal in message.signals),
    )


def _signal(signal: Signal, signals: dict[str, Signal]) -> SignalLayout:
    return SignalLayout(
        name=signal.name,
        start=signal.start,
        length=signal.length,
        little_endian=signal.byte_order == "little_endian",
        signed=signal.is_signed,
        is_float=signal.conversion.is_float,
        scale=signal.conversion.scale,
        offset=signal.conversion.offset,
        minimum=signal.minimum,
        maximum=signal.maximum,
        unit=signal.unit or "",
        choices={int(raw): str(name) for raw, name in (signal.choices or {}).items()},
        multiplexer=_multiplexer(signal, signals),
        is_multiplexer=signal.is_multiplexer,
    )


def _multiplexer(signal: Signal, signals: dict[str, Signal]) -> Multiplexer | None:
    path: list[tuple[str, tuple[int, ...]]] = []
    inner = signal
    while inner.multiplexer_ids is not None and inner.multiplexer_signal is not None:
        path.insert(0, (inner.multiplexer_signal, tuple(sorted(inner.multiplexer_ids))))
        inner = signals[inner.multiplexer_signal]
    return tuple(path) or None
