"""What vehicles of a model can do."""

from __future__ import annotations

from cloud_bridge.profiles import Profiles
from contract.actions import Action, Stolen, WakeUp
from contract.configuration import ConfigurationError


class Abilities:
    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    def has(self, model: str, action: Action) -> bool:
        try:
            self._profiles.of(model)
        except ConfigurationError:
            return False
        # These are the box's own: the vehicle is not asked for anything.
        return isinstance(action, WakeUp | Stolen)
