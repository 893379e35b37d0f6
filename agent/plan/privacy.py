"""[privacy] of a profile, compiled: which signal says it, and what tells where the vehicle is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from agent.plan.events import PlannedEvent
from agent.plan.published import Find, is_number
from contract.configuration import Keys, nearest
from contract.profile.profile import Profile
from contract.upload import Privacy


class PlannedPrivacy(msgspec.Struct, frozen=True):
    source: str | None
    """The signal by which the vehicle says the state."""
    words: Mapping[str, Privacy]
    """States by what the signal reads as; any other value says nothing."""
    positional: frozenset[str]
    """The signals that tell where the vehicle is."""
    events: frozenset[str]
    """The names of events that such signals make: that one happened tells it too."""


def planned_privacy(profile: Profile, events: Iterable[PlannedEvent]) -> PlannedPrivacy:
    positional = profile.positional
    telling = {event.name for event in events if not positional.isdisjoint(event.names)}
    words = {value: Privacy(state) for value, state in profile.privacy.values.items()}
    return PlannedPrivacy(profile.privacy.source, words, positional, frozenset(telling))


def privacy_problems(profile: Profile, find: Find) -> Iterator[tuple[Keys, str]]:
    """Values that the signal never has."""
    signal = find(profile.privacy.source or "")
    if signal is None:
        return
    names = set(signal.choices.values())
    for value in profile.privacy.values:
        if value not in names and not is_number(value):
            yield ("privacy", "values", value), f"{signal.name} has no value {value!r}{nearest(value, names)}"
