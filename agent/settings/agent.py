"""The agent's settings: `agent.toml`, read whole and checked before anything starts.

    vin, profile, state        which vehicle, what it collects, where the agent keeps what must survive
    [buses.<name>]             a CAN interface for each bus of the profile, opened by python-can
    [asking]                   whether to ask the vehicle, and how much
    [gnss]                     the receiver's serial port
    [events]                   which of the profile's events are left out
    [journal] [uplink]         how much to keep, and where to send it
    [health]                   where the agent says how it is

Paths are relative to the file. `config/agent.toml` shows every key with its default. Each section is a module beside
this one, with a `contradictions` of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from agent.settings.asking import AskingSettings
from agent.settings.bus import BusSettings
from agent.settings.events import EventSettings
from agent.settings.gnss import GnssSettings
from agent.settings.health import HealthSettings
from agent.settings.journal import JournalSettings
from agent.settings.uplink import UplinkSettings
from contract.configuration import ConfigurationError, Document, Keys
from contract.topics import is_vin


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
        profile=settings.profile and folder / settings.profile,
        state=folder / settings.state,
        uplink=settings.uplink.within(folder),
        health=settings.health.within(folder),
    )


def vin_problem(vin: str) -> str | None:
    """Why a text is no VIN; None when it is one."""
    if is_vin(vin):
        return None
    return f"{vin!r} is no VIN: expected 17 characters of A-Z and 0-9 without I, O and Q"


def _contradictions(settings: Settings) -> Iterator[tuple[Keys, str]]:
    if settings.vin is not None and (problem := vin_problem(settings.vin)) is not None:
        yield ("vin",), problem
    asking, health = settings.asking, settings.health
    sections = (("asking", asking), ("journal", settings.journal), ("uplink", settings.uplink), ("health", health))
    for name, section in sections:
        for keys, text in section.contradictions():
            yield (name, *keys), text
