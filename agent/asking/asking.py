"""What a run asks its vehicle: an asker for each bus on which the profile asks something."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

from agent.asking.address import Address
from agent.asking.asker import Asker
from agent.asking.failures import WrongVehicleError
from agent.asking.identity import Identity
from agent.asking.lines.opening import open_line
from agent.asking.share import USUAL_BITRATE, Share
from agent.asking.trouble_codes import Diagnosis, name_of
from agent.bus.interface import Interface
from agent.bus.losses import Losses
from agent.health.snapshot import AskingHealth
from agent.settings.asking import AskingSettings
from agent.settings.bus import BusSettings
from contract.profile.asking import Ask
from contract.profile.profile import Profile

log = logging.getLogger(__name__)


class Asking:
    """What a run asks its vehicle, and what came of it."""

    def __init__(
        self,
        vin: str,
        profile: Profile,
        settings: AskingSettings,
        buses: Mapping[str, BusSettings],
        interfaces: Mapping[str, Interface],
        losses: Losses,
        monotonic_ms: Callable[[], int],
    ) -> None:
        """`interfaces` are those buses that python-can reads; the others are SocketCAN's. Nothing is opened yet."""
        self.identity = Identity(vin)
        self.diagnosis = Diagnosis()
        self.askers: list[Asker] = []
        self._settings = settings
        for bus, asks in _by_bus(profile).items():
            given = buses.get(bus)
            if given is None:
                log.warning("bus %s: the profile asks on it, and the settings give no interface for it", bus)
                continue
            share = Share(given.bitrate or USUAL_BITRATE, settings.share)
            opener = partial(open_line, given, interfaces.get(bus), _addresses(asks))
            self.askers.append(
                Asker(
                    *(bus, asks, opener, share, self.identity, self.diagnosis, losses, monotonic_ms),
                    silent_bus=settings.silent_bus,
                )
            )

    def tick(self) -> None:
        """Raises WrongVehicleError."""
        if self.identity.wrong_vehicle and self._settings.vin_check == "stop":
            raise WrongVehicleError(
                f"the vehicle is {self.identity.read}, not the one of the settings: correct vin in agent.toml, "
                'or say vin_check = "warn" under [asking]'
            )

    def health(self) -> AskingHealth:
        counts = [each.counts for asker in self.askers for each in asker.conversations.values()]
        reasons = sum((each.refused for each in counts), Counter[int]())
        return AskingHealth(
            asked=sum(each.asked for each in counts),
            unanswered=sum(each.unanswered for each in counts),
            refused=reasons.total(),
            reasons={f"{reason:02X}": count for reason, count in sorted(reasons.items())},
            gave_way=sum(asker.gave_way for asker in self.askers),
            vin_matches=None if self.identity.read is None else not self.identity.wrong_vehicle,
            trouble_codes=len(self.diagnosis.codes),
            codes=tuple(map(name_of, self.diagnosis.codes)),
        )


def _by_bus(profile: Profile) -> dict[str, dict[str, Ask]]:
    by_bus: dict[str, dict[str, Ask]] = {}
    for name, ask in profile.ask.items():
        by_bus.setdefault(ask.bus_of(profile.buses), {})[name] = ask
    return by_bus


def _addresses(asks: Mapping[str, Ask]) -> list[Address]:
    return [Address(*each) for ask in asks.values() for each in ask.addresses]
