"""What vehicles of a model can do, by the `[actions]` of their profile."""

from __future__ import annotations

from cloud_bridge.profiles import Profiles
from contract.configuration import ConfigurationError
from contract.steps import ARGUMENTS, is_served


class Abilities:
    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    def steps(self, model: str) -> frozenset[str]:
        """Names of `contract.steps`."""
        try:
            actions = self._profiles.of(model).profile.actions
        except ConfigurationError:
            return frozenset()
        return frozenset(name for name in ARGUMENTS if is_served(name, actions))
