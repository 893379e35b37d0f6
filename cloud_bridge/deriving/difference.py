"""What another derivation of the same uploads changed: records, the newest values, and how much telemetry there is.

What is told of a vehicle before and after is compared by what callers see: records by their ids, field by field, the
newest value of each datum, and for each datum the telemetry messages that have it. Of these the values are compared by
a digest, because a long history does not fit into memory twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from cloud_bridge.records.model import Message, Record, Status, Value
from cloud_bridge.store.port.damage import Unreadable

Pair = tuple[Any, Any]
"""Before and after; None where there was, or is, nothing."""
POSITION = "position"


class Telemetry(msgspec.Struct, frozen=True):
    """The messages with one datum."""

    messages: int
    digest: bytes
    """Of their times and values."""


class Told(msgspec.Struct, frozen=True):
    """All that is told of a vehicle."""

    records: Mapping[str, Record]
    """By id."""
    status: Status | None
    telemetry: Mapping[str, Telemetry]
    """By datum; `position` for positions."""


class RecordChange(msgspec.Struct, frozen=True):
    what: Literal["added", "removed", "changed"]
    kind: str
    """`Trip`, `Alert` …"""
    id: str
    started_at_ms: int
    fields: Mapping[str, Pair]
    """Of one that changed."""


class Difference(msgspec.Struct, frozen=True):
    records: tuple[RecordChange, ...] = ()
    status: Mapping[str, Pair] = {}
    """By datum: the newest value."""
    telemetry: Mapping[str, tuple[int, int]] = {}
    """By datum: messages before and after. Where these are as many, values or times changed."""
    was_readable: bool = True
    """Whether what was told before can be read: otherwise there is nothing to compare with."""
    unreadable: Unreadable = Unreadable()
    """What it could not be derived from."""

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return bool(self.records or self.status or self.telemetry)

    @property
    def summary(self) -> str:
        """One line."""
        if not self:
            return "nothing changed"
        kinds = Counter(f"{change.kind.lower()} {change.what}" for change in self.records)
        parts = [f"{number} × {what}" for what, number in sorted(kinds.items())]
        parts += [f"status of {', '.join(self.status)}"] if self.status else []
        parts += [f"telemetry of {', '.join(self.telemetry)}"] if self.telemetry else []
        return "; ".join(parts)


def tell(records: Iterable[Record], status: Status | None, messages: Iterable[Message]) -> Told:
    """`messages` in ascending time."""
    counts: dict[str, int] = {}
    digests: dict[str, blake2b] = {}
    for message in messages:
        for datum, value in _said(message):
            if datum not in counts:
                counts[datum], digests[datum] = 0, blake2b(digest_size=16)
            counts[datum] += 1
            digests[datum].update(f"{message.at_ms} {value!r}\n".encode())
    telemetry = {datum: Telemetry(counts[datum], digests[datum].digest()) for datum in counts}
    return Told({one.id: one for one in records}, status, telemetry)


def compare(before: Told, after: Told) -> Difference:
    return Difference(tuple(_records(before, after)), dict(_status(before, after)), dict(_telemetry(before, after)))


def _said(message: Message) -> Iterator[tuple[str, Value | list[Any]]]:
    yield from message.values.items()
    if message.position is not None:
        yield POSITION, msgspec.to_builtins(message.position)


def _records(before: Told, after: Told) -> Iterator[RecordChange]:
    either = {**before.records, **after.records}
    for record_id, one in sorted(either.items(), key=lambda item: (item[1].started_at_ms, item[0])):
        was, is_now = before.records.get(record_id), after.records.get(record_id)
        kind = type(one).__name__
        if was is None or is_now is None:
            yield RecordChange("added" if was is None else "removed", kind, record_id, one.started_at_ms, {})
        elif was != is_now:
            fields = _changed(msgspec.to_builtins(was), msgspec.to_builtins(is_now))
            yield RecordChange("changed", kind, record_id, one.started_at_ms, fields)


def _status(before: Told, after: Told) -> Iterator[tuple[str, Pair]]:
    was, is_now = (_newest(told.status) for told in (before, after))
    yield from _changed(was, is_now).items()


def _newest(status: Status | None) -> dict[str, Any]:
    if status is None:
        return {}
    position = {} if status.position is None else {POSITION: msgspec.to_builtins(status.position)}
    return {datum: item.value for datum, item in status.known.items()} | position


def _telemetry(before: Told, after: Told) -> Iterator[tuple[str, tuple[int, int]]]:
    nothing = Telemetry(0, b"")
    for datum in sorted({*before.telemetry, *after.telemetry}):
        was, is_now = before.telemetry.get(datum, nothing), after.telemetry.get(datum, nothing)
        if was != is_now:
            yield datum, (was.messages, is_now.messages)


def _changed(was: Mapping[str, Any], is_now: Mapping[str, Any]) -> dict[str, Pair]:
    return {
        name: (was.get(name), is_now.get(name)) for name in sorted({*was, *is_now}) if was.get(name) != is_now.get(name)
    }
