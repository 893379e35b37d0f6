"""Vehicle profiles: one TOML file describes a model, for the vehicle and for the cloud.

The agent compiles it into what to collect, the bridge into what that means (`docs/profiles.md` shows how to write one):

    model, label, brand, motorization           what the model is
    [buses.<interface>]    databases            which CAN databases describe which bus
    [classes.<name>]       every, on_change     ways of sampling
    [signals]              "Message.Signal"     what is collected, how, and when a value counts
    [messages]             "Message"            checksums, counters and conditions of whole messages
    [data]                 "<datum key>"        how each published datum comes from signals (`contract.catalog`)
    [alerts]               <AlertType>          which lamp is which published alert
    [trip] [gnss] [clock] [cadence]             what a trip is, where position and time come from, when to upload

A value is published only when every condition that applies to it holds: it is not one of the signal's `invalid` raw
values, it is within `minimum` and `maximum` (by default the database's own range), and every `valid_when` of its
signal, its message and its bus was true of the newest values on the vehicle when its frame came, and is still. A
condition over an absent value does not hold.

Values of signals with value names are written as these names, in conditions as in tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from contract.catalog import ALERT_TYPES, DATA, Datum, Kind
from contract.configuration import ConfigurationError, Document, Duration, Keys, nearest
from contract.expressions import Expression
from contract.manifest import Signal as ManifestSignal

RECEIVER = "GNSS"
"""The name under which the receiver's own values travel, like a message's."""

RECEIVER_SIGNALS: tuple[ManifestSignal, ...] = (
    ManifestSignal("GNSS.Longitude", scale=1e-7, unit="deg"),
    ManifestSignal("GNSS.Latitude", scale=1e-7, unit="deg"),
    ManifestSignal("GNSS.Altitude", scale=0.1, unit="m"),
    ManifestSignal("GNSS.Heading", scale=0.1, unit="deg"),
    ManifestSignal("GNSS.Satellites"),
    ManifestSignal("GNSS.Fix", choices={2: "2D", 3: "3D"}),
    ManifestSignal("GNSS.Speed", scale=0.01, unit="km/h"),
)
"""What a GNSS receiver says (WGS 84; altitude above mean sea level; heading from true north)."""


class Bus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    databases: tuple[Path, ...]
    """Relative to the profile in the file; absolute once loaded."""
    valid_when: Expression | None = None
    """For every signal of the bus but those that the condition itself reads."""


class SamplingClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    every: Duration
    """The sampling interval; with `on_change`, how often the newest value is restated."""
    on_change: bool = False
    follows: str | None = None
    """A signal of the class that comes as often as the class is sampled or oftener. The class is sampled when it comes
    and dated by it, instead of at multiples of the interval: for what a device says regularly, all at once."""


class Signal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sampling: str | None = msgspec.field(name="class", default=None)
    """A sampling class; None for a signal that is read on the vehicle only, by conditions."""
    invalid: tuple[int, ...] = ()
    """Raw values that mean "not available"."""
    minimum: float | None = None
    maximum: float | None = None
    """Physical limits, both included, in the database's unit; in place of the database's own."""
    valid_when: Expression | None = None


class Checksum(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a message's checksum is made (the kinds are described in `agent.decode.checksums`)."""

    signal: str
    """The signal of the same message that holds it."""
    kind: Literal["crc8-j1850", "byte-sum", "byte-xor", "nibble-sum", "nibble-xor"] = "crc8-j1850"
    initial: int | None = None
    final_xor: int | None = None
    """None: the kind's own. 0 to 255."""


class Counter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    signal: str
    """The signal of the same message that goes up by one with each frame and wraps at its width."""


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    checksum: Checksum | None = None
    counter: Counter | None = None
    valid_when: Expression | None = None


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a datum comes from signals: from one signal, converted from the database's unit, or by an expression whose
    result is already in the published unit."""

    source: str | None = msgspec.field(name="from", default=None)
    expression: Expression | None = None
    values: dict[str, str | bool] = {}
    """Published values by value name (or by the number as text where there is no name). A value that is not in a table
    that is not empty is not published."""

    @property
    def names(self) -> tuple[str, ...]:
        """The signals it is made of."""
        return _names(self.source, self.expression)


class Lamp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When an alert is on: a signal has one of some values, or a condition holds."""

    source: str | None = msgspec.field(name="from", default=None)
    states: tuple[str | int, ...] = msgspec.field(name="is", default=())
    expression: Expression | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return _names(self.source, self.expression)


class Trip(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    datum: str
    """A trip lasts while this datum has one of the active values."""
    active: tuple[str | bool, ...]
    silence: Duration = Duration(300_000)
    """Buses silent for this long end a trip, at the last datum before."""
    pause: Duration = Duration(0)
    """An inactive time up to this long does not end a trip: for a datum that rests at red lights, as engines do."""


class Gnss(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: Literal["receiver", "can", "none"] = "receiver"
    """receiver: `GNSS.*` make the position unless [data] says otherwise; can: [data] maps it from bus signals."""
    every: Duration = Duration(1000)
    """How often the receiver's values are sampled."""


class Clock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A signal that gives UTC. Only a clock set by satellites belongs here; a dashboard's clock is set by people."""

    source: str = msgspec.field(name="from")
    """A signal whose physical value is in seconds since 1970-01-01 UTC."""
    valid_when: Expression | None = None
    uncertainty: Duration = Duration(1000)


class Cadence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often an upload is made."""

    driving: Duration = Duration(60_000)
    parked: Duration = Duration(60_000)


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    model: str
    label: str
    brand: str
    motorization: Literal["Electric", "Hybrid", "Thermic", "Hydrogen"]
    buses: dict[str, Bus]
    """By interface name, as in the agent's settings and in recordings."""
    classes: dict[str, SamplingClass] = {}
    signals: dict[str, Signal] = {}
    messages: dict[str, Message] = {}
    data: dict[str, Mapping] = {}
    alerts: dict[str, Lamp] = {}
    trip: Trip | None = None
    gnss: Gnss = Gnss()
    clock: Clock | None = None
    cadence: Cadence = Cadence()

    def collected(self) -> Iterator[tuple[str, Signal, SamplingClass]]:
        """The bus signals that are sent up, with how."""
        for name, signal in self.signals.items():
            if signal.sampling is not None:
                yield name, signal, self.classes[signal.sampling]


def load_profile(path: Path | str) -> Profile:
    """The profile in a file, checked in itself (not against its databases: that is the agent's compile step), with the
    paths of databases absolute and the receiver's position mapped. Raises ConfigurationError with all that is wrong."""
    document = Document.read(Path(path))
    profile = document.convert(Profile)
    problems = [document.problem(keys, text) for keys, text in _contradictions(profile)]
    if problems:
        raise ConfigurationError(problems)
    folder = document.file.resolve().parent
    buses = {
        name: msgspec.structs.replace(bus, databases=tuple((folder / database).resolve() for database in bus.databases))
        for name, bus in profile.buses.items()
    }
    return msgspec.structs.replace(profile, buses=buses, data={**_receiver_position(profile.gnss), **profile.data})


def _names(source: str | None, expression: Expression | None) -> tuple[str, ...]:
    if expression is not None:
        return expression.names
    return () if source is None else (source,)


def _receiver_position(gnss: Gnss) -> dict[str, Mapping]:
    if gnss.source != "receiver":
        return {}
    parts = ("longitude", "latitude", "altitude", "heading", "satellites", "fix")
    return {f"position.{part}": Mapping(source=f"{RECEIVER}.{part.capitalize()}") for part in parts}


def _contradictions(profile: Profile) -> Iterator[tuple[Keys, str]]:
    for name, bus in profile.buses.items():
        if not bus.databases:
            yield ("buses", name, "databases"), "a bus needs at least one database"
    if not profile.buses:
        yield ("buses",), "a profile needs at least one bus"
    yield from _signal_contradictions(profile)
    for key, mapping in profile.data.items():
        yield from _mapping_contradictions(profile, key, mapping)
    for alert, lamp in profile.alerts.items():
        yield from _lamp_contradictions(profile, alert, lamp)
    yield from _trip_contradictions(profile)
    if profile.gnss.source == "can":
        for key in ("position.longitude", "position.latitude"):
            if key not in profile.data:
                yield ("gnss", "source"), f'with source = "can", [data] must map {key}'


def _signal_contradictions(profile: Profile) -> Iterator[tuple[Keys, str]]:
    for class_name, sampling in profile.classes.items():
        keys: Keys = ("classes", class_name, "follows")
        followed = None if sampling.follows is None else profile.signals.get(sampling.follows)
        if sampling.follows is not None and sampling.on_change:
            yield keys, "a class that is sampled on change follows no signal"
        elif sampling.follows is not None and (followed is None or followed.sampling != class_name):
            own = [name for name, signal in profile.signals.items() if signal.sampling == class_name]
            yield keys, f"{sampling.follows} is no signal of this class{nearest(sampling.follows, own)}"
    for name, signal in profile.signals.items():
        keys = ("signals", name)
        message, dot, rest = name.partition(".")
        if not (message and dot and rest) or "." in rest:
            yield keys, 'a signal is named "Message.Signal"'
        elif message == RECEIVER:
            yield keys, "the receiver's values need not be listed: [gnss] says how they are sampled"
        if signal.sampling is not None and signal.sampling not in profile.classes:
            yield (*keys, "class"), f"there is no class {signal.sampling}{nearest(signal.sampling, profile.classes)}"
        if signal.minimum is not None and signal.maximum is not None and signal.minimum > signal.maximum:
            yield (*keys, "minimum"), f"the minimum {signal.minimum} is above the maximum {signal.maximum}"
    listed = {name.partition(".")[0] for name in profile.signals}
    for name, rules in profile.messages.items():
        if name not in listed:
            yield ("messages", name), f"no signal of {name} is listed{nearest(name, listed)}"
        if rules.checksum is not None:
            for key, value in (("initial", rules.checksum.initial), ("final_xor", rules.checksum.final_xor)):
                if value is not None and not 0 <= value <= 0xFF:
                    yield ("messages", name, "checksum", key), f"expected a byte, 0 to 255, found {value}"


def _source_contradictions(
    profile: Profile, keys: Keys, source: str | None, expression: Expression | None
) -> Iterator[tuple[Keys, str]]:
    if (source is None) == (expression is None):
        yield keys, "needs either from or expression"
        return
    receiver = {signal.name for signal in RECEIVER_SIGNALS} if profile.gnss.source == "receiver" else set()
    collected = {name for name, signal in profile.signals.items() if signal.sampling is not None}
    for name in _names(source, expression):
        if name in profile.signals and name not in collected:
            yield keys, f"{name} has no class under [signals], so it is not sent"
        elif name not in collected | receiver:
            yield keys, f"{name} is not listed under [signals]{nearest(name, collected | receiver)}"


def _mapping_contradictions(profile: Profile, key: str, mapping: Mapping) -> Iterator[tuple[Keys, str]]:
    keys = ("data", key)
    if key.startswith("alert."):
        yield keys, "alerts are mapped under [alerts]"
        return
    datum = DATA.get(key)
    if datum is None:
        known = [name for name in DATA if not name.startswith("alert.")]
        yield keys, f"there is no such datum{nearest(key, known)}"
        return
    yield from _source_contradictions(profile, keys, mapping.source, mapping.expression)
    for name, value in mapping.values.items():
        wrong = _wrong_value(datum, value)
        if wrong:
            yield (*keys, "values", name), wrong
    if mapping.expression is not None and mapping.expression.results is not None and not mapping.values:
        for result in mapping.expression.results:
            wrong = _wrong_value(datum, result) if datum.kind in (Kind.ENUM, Kind.BOOLEAN) else None
            if wrong:
                yield (*keys, "expression"), wrong


def _wrong_value(datum: Datum, value: object) -> str | None:
    if datum.kind not in (Kind.ENUM, Kind.BOOLEAN):
        return f"{datum.key} is a number: it takes no table of values"
    if datum.admits(value):
        return None
    if datum.kind is Kind.BOOLEAN:
        return f"{datum.key} is true or false, found {value!r}"
    return f"{value!r} is not a published value of {datum.key}{nearest(str(value), datum.values)}"


def _lamp_contradictions(profile: Profile, alert: str, lamp: Lamp) -> Iterator[tuple[Keys, str]]:
    keys = ("alerts", alert)
    if alert not in ALERT_TYPES:
        yield keys, f"there is no such alert type{nearest(alert, ALERT_TYPES)}"
    yield from _source_contradictions(profile, keys, lamp.source, lamp.expression)
    if (lamp.source is not None) != bool(lamp.states):
        yield keys, "from and is belong together: the signal, and the values at which the alert is on"


def _trip_contradictions(profile: Profile) -> Iterator[tuple[Keys, str]]:
    trip = profile.trip
    if trip is None:
        return
    if trip.datum not in profile.data:
        yield ("trip", "datum"), f"[data] does not map {trip.datum}{nearest(trip.datum, profile.data)}"
        return
    datum = DATA.get(trip.datum)
    if not trip.active:
        yield ("trip", "active"), "a trip needs at least one active value"
    for value in trip.active:
        wrong = _wrong_value(datum, value) if datum is not None else None
        if wrong:
            yield ("trip", "active"), wrong
