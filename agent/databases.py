"""Databases: the layouts of a vehicle's messages, read from DBC, KCD, SYM or ARXML files by cantools.

Real DBC files are dirty and cantools refuses a file for one bad line. So DBC text is healed first (`agent.healing`);
what was repaired or left out is reported, and the rest of the file is read as if nothing had been wrong.
Reading takes a large file a second or more and some 40 MB: it belongs in the compile step, not in the running service.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cantools
from cantools.database.can import Database, Message, Signal

from agent.healing import Finding
from agent.layouts import MessageLayout, Multiplexer, SignalLayout

__all__ = ["DatabaseError", "Finding", "Loaded", "MessageLayout", "SignalLayout", "load"]

FORMATS = {".dbc": "dbc", ".kcd": "kcd", ".sym": "sym", ".arxml": "arxml"}


class DatabaseError(Exception):
    """A database that cannot be read at all; the text says which file and line, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Loaded:
    layouts: tuple[MessageLayout, ...]
    findings: tuple[Finding, ...]
    """What healing repaired or left out, in the order of the lines. Empty: the file is clean."""


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
    findings: tuple[Finding, ...] = ()
    database = cantools.database.load_string(text, form, strict=False, sort_signals=None)
    if not isinstance(database, Database):
        raise DatabaseError(f"{path}: describes diagnostics, not the messages of a bus")
    return Loaded(tuple(_message(message) for message in database.messages), findings)


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
