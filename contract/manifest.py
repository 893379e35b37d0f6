"""Manifests: what the columns of an upload mean.

A manifest lists, in the order of the columns, every signal that a vehicle collects: its name, how raw integers become
physical values, its unit and its value names. It is content-addressed: its id is the first 8 bytes of the SHA-256 of
its canonical CBOR, so the same list always has the same id and an upload names the id only. The bridge asks for a
manifest that it does not hold (`contract.receipt`), the vehicle answers; manifests are never deleted, which keeps old
uploads readable for ever and the bridge free of DBC files.

    {1: version, 2: model, 3: [group, …]}              canonical CBOR (RFC 8949 section 4.2.1)
    group  = {1: kind, 2: interval_ms, 3: [signal, …]}
    signal = {1: name, 2: scale, 3: offset, ? 4: unit, ? 5: {raw: value name, …}}

Signals are numbered through all groups in order, from 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class Sampling(IntEnum):
    """How the signals of a group are collected."""

    EVERY = 0
    """The newest value at each multiple of the interval."""
    ON_CHANGE = 1
    """Each change at its own time, and the newest value once per interval."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One collected signal. `physical = raw * scale + offset`, in `unit` as the database spells it."""

    name: str
    """`Message.Signal`, unique in the manifest; `GNSS.*` for the receiver's own values."""
    scale: float = 1
    offset: float = 0
    unit: str = ""
    choices: dict[int, str] = field(default_factory=dict)
    """Value names by raw value."""


@dataclass(frozen=True, slots=True)
class Group:
    sampling: Sampling
    interval_ms: int
    signals: tuple[Signal, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    model: str
    """The vehicle profile it was compiled from."""
    groups: tuple[Group, ...]
