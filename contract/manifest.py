"""Manifests: what the columns of an upload mean.

A manifest lists, in the order of the columns, every signal that a vehicle collects: its name, how raw integers become
physical values, its unit and its value names. It is content-addressed: its id is the first 8 bytes of the SHA-256 of
its canonical CBOR, so the same list always has the same id and an upload names the id only. The bridge asks for a
manifest that it does not hold (`contract.receipt`), the vehicle answers; manifests are never deleted, which keeps old
uploads readable for ever and the bridge free of DBC files.

    {1: version, 2: model, 3: [group, …]}              canonical CBOR (`contract.wire`; schema in upload.cddl)
    group  = {1: sampling, 2: interval_ms, 3: [signal, …]}
    signal = {1: name, 2: scale, 3: offset, ? 4: unit, ? 5: {raw: value name, …}}

Signals are numbered through all groups in order, from 0. A scale or offset that is a whole number of 64 bits is written
as an integer and read as one, any other as the shortest float that is exactly it. Empty units and value names are left
out. A payload that is not the one encoding of its manifest is refused, so that the digest of a payload that was read is
the manifest's id.
"""

from __future__ import annotations

from enum import IntEnum
from math import isfinite

import msgspec

from contract import wire
from contract.wire import INTEGER_MAXIMUM, INTEGER_MINIMUM, Item, Refusal, WireError

VERSION = 1
MAXIMUM_BYTES = 1024 * 1024
MAXIMUM_GROUPS = 1024
MAXIMUM_SIGNALS = 16_384
MAXIMUM_CHOICES = 65_536
MAXIMUM_TEXT_BYTES = 1024
"""Of a name, a unit or the model."""
MAXIMUM_INTERVAL_MS = 7 * 24 * 3600 * 1000
_DEPTH = 6
_KEYS = frozenset((1, 2, 3))
"""Of a manifest and of a group."""
_SIGNAL_REQUIRED = frozenset((1, 2, 3))
_SIGNAL_ALLOWED = frozenset((1, 2, 3, 4, 5))


class Sampling(IntEnum):
    """How the signals of a group are collected."""

    EVERY = 0
    """The newest value at each multiple of the interval."""
    ON_CHANGE = 1
    """Each change at its own time, and the newest value once per interval."""


class Signal(msgspec.Struct, frozen=True):
    """One collected signal. `physical = raw * scale + offset`, in `unit` as the database spells it."""

    name: str
    """`Message.Signal`, unique in the manifest; so are device messages (`contract.profile.devices`)."""
    scale: float = 1
    offset: float = 0
    unit: str = ""
    choices: dict[int, str] = msgspec.field(default_factory=dict)
    """Value names by raw value."""


class Group(msgspec.Struct, frozen=True):
    sampling: Sampling
    interval_ms: int
    signals: tuple[Signal, ...]


class Manifest(msgspec.Struct, frozen=True):
    model: str
    """The vehicle profile it was compiled from."""
    groups: tuple[Group, ...]


def encode_manifest(manifest: Manifest) -> bytes:
    """The one encoding of `manifest`. Raises `WireError` for a manifest that `decode_manifest` would refuse."""
    item: dict[int, Item] = {
        1: VERSION,
        2: manifest.model,
        3: [
            {1: int(group.sampling), 2: group.interval_ms, 3: [_signal_item(signal) for signal in group.signals]}
            for group in manifest.groups
        ],
    }
    _manifest(item)
    payload = wire.write(item)
    if len(payload) > MAXIMUM_BYTES:
        raise WireError(Refusal.OVERSIZED, f"{len(payload)} bytes, at most {MAXIMUM_BYTES} are allowed")
    return payload


def manifest_id(manifest: Manifest) -> bytes:
    """8 bytes: the digest of the encoding."""
    return wire.digest(encode_manifest(manifest))


def decode_manifest(payload: bytes) -> Manifest:
    """The manifest in `payload`, whose id is `digest(payload)`. Raises `WireError`."""
    manifest = _manifest(wire.read(payload, MAXIMUM_BYTES, _DEPTH))
    if encode_manifest(manifest) != payload:
        raise WireError(Refusal.MALFORMED, "manifest: not its canonical encoding")
    return manifest


def _signal_item(signal: Signal) -> Item:
    item: dict[int, Item] = {1: signal.name, 2: _exact(signal.scale), 3: _exact(signal.offset)}
    if signal.unit:
        item[4] = signal.unit
    if signal.choices:
        item[5] = dict(signal.choices)
    return item


def _exact(number: float) -> Item:
    if isfinite(number) and number == int(number) and INTEGER_MINIMUM <= number <= INTEGER_MAXIMUM:
        return int(number)
    return number


def _manifest(item: Item) -> Manifest:
    wire.version(item, (VERSION,), "manifest")
    fields = wire.entries(item, _KEYS, _KEYS, "manifest")
    groups = tuple(map(_group, wire.array(fields[3], 0, MAXIMUM_GROUPS, "groups")))
    names: set[str] = set()
    if sum([len(group.signals) for group in groups]) > MAXIMUM_SIGNALS:
        raise WireError(Refusal.OVERSIZED, f"manifest: more than {MAXIMUM_SIGNALS} signals")
    for group in groups:
        for signal in group.signals:
            if signal.name in names:
                raise WireError(Refusal.OUT_OF_RANGE, f"manifest: signal {signal.name} appears twice")
            names.add(signal.name)
    return Manifest(wire.text(fields[2], MAXIMUM_TEXT_BYTES, "model"), groups)


def _group(item: Item) -> Group:
    fields = wire.entries(item, _KEYS, _KEYS, "group")
    return Group(
        Sampling(wire.integer(fields[1], min(Sampling), max(Sampling), "group, sampling")),
        wire.integer(fields[2], 1, MAXIMUM_INTERVAL_MS, "group, interval"),
        tuple(map(_signal, wire.array(fields[3], 0, MAXIMUM_SIGNALS, "group, signals"))),
    )


def _signal(item: Item) -> Signal:
    fields = wire.entries(item, _SIGNAL_REQUIRED, _SIGNAL_ALLOWED, "signal")
    name = wire.text(fields[1], MAXIMUM_TEXT_BYTES, "signal, name")
    return Signal(
        name,
        wire.number(fields[2], f"{name}, scale"),
        wire.number(fields[3], f"{name}, offset"),
        wire.text(fields[4], MAXIMUM_TEXT_BYTES, f"{name}, unit") if 4 in fields else "",
        _choices(fields[5], name) if 5 in fields else {},
    )


def _choices(item: Item, name: str) -> dict[int, str]:
    if type(item) is not dict:
        raise WireError(Refusal.WRONG_TYPE, f"{name}, value names: expected a map")
    if len(item) > MAXIMUM_CHOICES:
        raise WireError(Refusal.OVERSIZED, f"{name}: {len(item)} value names, at most {MAXIMUM_CHOICES} are allowed")
    return {
        wire.integer(raw, INTEGER_MINIMUM, INTEGER_MAXIMUM, f"{name}, raw value"): wire.text(
            value_name, MAXIMUM_TEXT_BYTES, f"{name}, value name"
        )
        for raw, value_name in item.items()
    }
