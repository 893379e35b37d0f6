"""The agent's settings: `agent.toml`, read whole and checked before anything starts.

    vin, profile, state        which vehicle, what it collects, where the agent keeps what must survive
    [buses.<name>]             a CAN interface for each bus of the profile, opened by python-can
    [asking]                   whether to ask the vehicle, and how much
    [gnss] [modem]             the receiver, and the modem's second port
    [power]                    when the box goes to sleep, and how
    [privacy]                  who says it, and what becomes of what is pending
    [events]                   which of the profile's events are left out
    [journal] [uplink]         how much to keep, and where to send it
    [health]                   where the agent says how it is
    [commands] [remote]        what the cloud may ask of the vehicle, and have it do

Paths are relative to the file; `profile` may also be the name of a model that comes with canlift. `config/agent.toml`
shows every key with its default. Each section is a module beside this one, with a `contradictions` of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from agent.profiles import UnknownModelError, profile_of_settings
from agent.settings.asking import AskingSettings
from agent.settings.bus import BusSettings
from agent.settings.commands import CommandsSettings
from agent.settings.events import EventSettings
from agent.settings.gnss import GnssSettings
from agent.settings.health import HealthSettings
from agent.settings.journal import JournalSettings
from agent.settings.modem import ModemSettings
from agent.settings.power import PowerSettings
from agent.settings.privacy import PrivacySettings
from agent.settings.remote import RemoteSettings
from agent.settings.uplink import UplinkSettings
from contract.configuration import ConfigurationError, Document, Keys
from contract.topics import is_vin


class _Section(Protocol):
    def contradictions(self) -> Iterator[tuple[Keys, str]]: ...


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    vin: str | None = None
    profile: Path | None = None
    state: Path = Path("/var/lib/canlift")
    """Journal and manifests are kept here."""
    buses: dict[str, BusSettings] = {}
    """By the name that the profile gives the bus."""
    asking: AskingSettings = AskingSettings()
    gnss: GnssSettings | None = None
    events: EventSettings = EventSettings()
    journal: JournalSettings = JournalSettings()
    uplink: UplinkSettings = UplinkSettings()
    health: HealthSettings = HealthSettings()
    modem: ModemSettings | None = None
    power: PowerSettings = PowerSettings()
    privacy: PrivacySettings = PrivacySettings()
    commands: CommandsSettings = CommandsSettings()
    remote: RemoteSettings = RemoteSettings()


def load_settings(path: Path) -> Settings:
    """The settings in a file, paths made relative to it. Raises ConfigurationError with everything that is wrong."""
    document = Document.read(path)
    settings = document.convert(Settings)
    problems = [document.problem(keys, text) for keys, text in _contradictions(settings)]
    if problems:
        raise ConfigurationError(problems)
    folder = path.resolve().parent
    return msgspec.structs.replace(
        settings,
        profile=settings.profile and _profile(document, settings.profile, folder),
        state=folder / settings.state,
        uplink=settings.uplink.within(folder),
        health=settings.health.within(folder),
        power=settings.power.within(folder),
        privacy=settings.privacy.within(folder),
    )


def _profile(document: Document, named: Path, folder: Path) -> Path:
    try:
        return profile_of_settings(named, folder)
    except UnknownModelError as unknown:
        raise ConfigurationError([document.problem(("profile",), str(unknown))]) from None


def vin_problem(vin: str) -> str | None:
    """Why a text is no VIN; None when it is one."""
    if is_vin(vin):
        return None
    return f"{vin!r} is no VIN: expected 17 characters of A-Z and 0-9 without I, O and Q"


def _contradictions(settings: Settings) -> Iterator[tuple[Keys, str]]:
    if settings.vin is not None and (problem := vin_problem(settings.vin)) is not None:
        yield ("vin",), problem
    sections: dict[str, _Section | None] = {
        "asking": settings.asking,
        "gnss": settings.gnss,
        "modem": settings.modem,
        "power": settings.power,
        "privacy": settings.privacy,
        "journal": settings.journal,
        "uplink": settings.uplink,
        "health": settings.health,
        "commands": settings.commands,
        "remote": settings.remote,
    }
    if settings.remote.enabled and not settings.commands.keys:
        yield ("remote", "enabled"), "needs [commands] keys: nothing is done that nobody has signed"
    for name, bus in settings.buses.items():
        for keys, text in bus.contradictions():
            yield ("buses", name, *keys), text
    for name, section in sections.items():
        for keys, text in () if section is None else section.contradictions():
            yield (name, *keys), text
