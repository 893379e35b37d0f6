"""Vehicle profiles: one TOML file describes a model, for the vehicle and for the cloud.

The agent compiles it into what to collect, the bridge into what that means (`docs/profiles.md` shows how to write one):

    model, label, brand, motorization           what the model is
    [buses.<interface>]    databases            which CAN databases describe which bus
    [classes.<name>]       every, on_change     ways of sampling
    [signals]              "Message.Signal"     what is collected, how, and when a value counts
    [messages]             "Message"            checksums, counters, transport and conditions of whole messages
    [ask.<name>]           request, answer      what to ask a computer of the vehicle
    [data]                 "<datum key>"        how each published datum comes from signals (`contract.catalog`)
    [alerts]               <AlertType>          which lamp is which published alert
    [trip] [gnss] [clock]                       what a trip is, where position and time come from
    [state] [cadence]                           what the vehicle is doing, and how often to upload then
    [events.<name>] [built_in] [crash]          what is uploaded at once
    [privacy] [power]                           what the vehicle says of its privacy and its 12 V supply
    [absent]               "<datum key>"        why the data that are not mapped are not, for people
    [actions.<name>]                            what is transmitted so that the vehicle does something

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

from contract.configuration import ConfigurationError, Document, Keys
from contract.expressions import Expression
from contract.profile.absent import TRIP, absence_contradictions
from contract.profile.actions import VehicleAction
from contract.profile.asking import Ask, ask_contradictions
from contract.profile.buses import Bus
from contract.profile.cadence import Cadence, State
from contract.profile.data import Known, Lamp, Mapping, lamp_contradictions, mapping_contradictions
from contract.profile.devices import DEVICES, RECEIVER, RECEIVER_SIGNALS
from contract.profile.events import BuiltIn, Crash, Event, event_contradictions
from contract.profile.power import PowerRules
from contract.profile.privacy import PrivacyRules, positional, privacy_contradictions
from contract.profile.receiver import Clock, Gnss
from contract.profile.signals import Message, SamplingClass, Signal, signal_contradictions
from contract.profile.trip import Trip, trip_contradictions


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
    ask: dict[str, Ask] = {}
    data: dict[str, Mapping] = {}
    alerts: dict[str, Lamp] = {}
    trip: Trip | None = None
    gnss: Gnss = Gnss()
    clock: Clock | None = None
    state: State = State()
    cadence: Cadence = Cadence()
    events: dict[str, Event] = {}
    built_in: BuiltIn = BuiltIn()
    crash: Crash | None = None
    privacy: PrivacyRules = PrivacyRules()
    power: PowerRules = PowerRules()
    absent: dict[str, str] = {}
    actions: dict[str, VehicleAction] = {}

    @property
    def positional(self) -> frozenset[str]:
        """The signals that tell where the vehicle is."""
        return positional(self.privacy, self.data)

    def action_conditions(self) -> Iterator[tuple[Keys, Expression]]:
        """Every expression that only [actions] have, with its place."""
        for name, action in self.actions.items():
            for keys, expression in action.conditions:
                yield ("actions", name, *keys), expression

    def collected(self) -> Iterator[tuple[str, Signal, SamplingClass]]:
        """The listed signals that are sent up, with how."""
        for name, signal in self.signals.items():
            if signal.sampling is not None:
                yield name, signal, self.classes[signal.sampling]


def load_profile(path: Path | str) -> Profile:
    """The profile in a file, checked in itself (not against its databases: that is the agent's compile step), with the
    paths of databases absolute, and what the box itself says of its position and its programs mapped. Raises
    ConfigurationError with all that is wrong."""
    return profile_in(Document.read(Path(path)))


def profile_in(document: Document) -> Profile:
    """As `load_profile`, from a document that was read already."""
    profile = document.convert(Profile)
    problems = [document.problem(keys, text) for keys, text in _contradictions(profile)]
    if problems:
        raise ConfigurationError(problems)
    buses = placed_buses(profile, document)
    found = msgspec.structs.replace(profile, buses=buses, data={**_receiver_position(profile.gnss), **profile.data})
    if not profile.actions:
        return found
    from contract.profile.programs import CLASS, SAMPLING, program_data, program_signals

    data = program_data(profile.actions)
    return msgspec.structs.replace(
        found,
        classes={CLASS: SAMPLING, **found.classes} if data else found.classes,
        signals={**program_signals(data), **found.signals},
        data={**data, **found.data},
    )


def placed_buses(profile: Profile, document: Document) -> dict[str, Bus]:
    """With the databases where they are, from the profile's own folder on."""
    folder = document.file.resolve().parent
    return {
        name: msgspec.structs.replace(bus, databases=tuple((folder / database).resolve() for database in bus.databases))
        for name, bus in profile.buses.items()
    }


def _receiver_position(gnss: Gnss) -> dict[str, Mapping]:
    if gnss.source != "receiver":
        return {}
    parts = ("longitude", "latitude", "altitude", "heading", "satellites", "fix")
    return {f"position.{part}": Mapping(source=f"{RECEIVER}.{part.capitalize()}") for part in parts}


def _contradictions(profile: Profile) -> Iterator[tuple[Keys, str]]:
    for name, bus in profile.buses.items():
        if not bus.databases:
            yield ("buses", name, "databases"), "a bus needs at least one database"
        if name in DEVICES:
            yield ("buses", name), f"{name} is what the box itself says: a bus needs another name"
    if not profile.buses:
        yield ("buses",), "a profile needs at least one bus"
    yield from signal_contradictions(profile.classes, profile.signals, profile.messages)
    yield from ask_contradictions(profile.ask, profile.buses)
    known = _known(profile)
    for key, mapping in profile.data.items():
        yield from mapping_contradictions(known, key, mapping)
    for alert, lamp in profile.alerts.items():
        yield from lamp_contradictions(known, alert, lamp)
    if profile.trip is not None:
        yield from trip_contradictions(profile.trip, profile.data)
    served = {*profile.data, *(f"alert.{alert}" for alert in profile.alerts), *([TRIP] if profile.trip else ())}
    yield from absence_contradictions(profile.absent, served)
    yield from privacy_contradictions(profile.privacy, known.sent)
    if profile.actions:
        # Here and not above, as what programs need: most profiles have none.
        from contract.profile.action_rules import action_contradictions

        yield from action_contradictions(profile.actions, profile.buses)
    yield from event_contradictions(profile.events, profile.crash, known, frozenset(profile.classes))
    if profile.gnss.source == "can":
        for key in ("position.longitude", "position.latitude"):
            if key not in profile.data:
                yield ("gnss", "source"), f'with source = "can", [data] must map {key}'


def _known(profile: Profile) -> Known:
    receiver = {signal.name for signal in RECEIVER_SIGNALS} if profile.gnss.source == "receiver" else set()
    collected = {name for name, signal in profile.signals.items() if signal.sampling is not None}
    return Known(frozenset(collected | receiver), frozenset(profile.signals))
