"""The groups of a plan: which signals are sent together, and how often in each state of the vehicle.

The interval in which on-change signals are restated is never longer than the cadence: every upload restates them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from agent.plan.plan import PlannedGroup
from contract.profile.cadence import AWAKE, VehicleState
from contract.profile.devices import RECEIVER_SIGNALS
from contract.profile.profile import Profile
from contract.profile.signals import SamplingClass


class Grouping(msgspec.Struct, frozen=True):
    groups: tuple[PlannedGroup, ...]
    listed: tuple[str, ...]
    """The profile's signals that are sent, by number."""
    receiver: tuple[str, ...]
    """Those of the box's receiver, whose numbers follow; none where the profile takes positions from a bus."""

    @property
    def sent(self) -> tuple[str, ...]:
        """Every signal that is sent, by number."""
        return self.listed + self.receiver

    @property
    def on_change(self) -> frozenset[int]:
        return frozenset(number for group in self.groups if group.on_change for number in group.signals)

    def led_by(self, signals: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """The groups that follow one of these signals, with it."""
        return tuple(
            (index, group.follows)
            for index, group in enumerate(self.groups)
            if group.follows is not None and group.follows in signals
        )


def cadences(profile: Profile, instead_ms: int | None) -> dict[VehicleState, int]:
    """How often an upload ends in each state; `instead_ms` takes the place of those of an awake vehicle."""
    given = profile.cadence
    return {
        VehicleState.DRIVING: int(instead_ms or given.driving),
        VehicleState.CHARGING: int(instead_ms or given.charging),
        VehicleState.PARKED: int(instead_ms or given.parked),
        VehicleState.ASLEEP: int(given.asleep),
    }


def grouped(profile: Profile, cadences_ms: Mapping[VehicleState, int]) -> Grouping:
    """By class in the profile's order, then the receiver's; numbered through."""
    groups: list[PlannedGroup] = []
    listed: list[str] = []
    for sampling, names in _classes(profile):
        begin = len(listed)
        intervals_ms = _intervals_ms(sampling, cadences_ms)
        interval_ms = min(int(sampling.every), *intervals_ms.values())
        strides = {state: each // interval_ms for state, each in intervals_ms.items() if each >= 2 * interval_ms}
        follows = None if sampling.follows is None else begin + names.index(sampling.follows)
        numbers = range(begin, begin + len(names))
        groups.append(PlannedGroup(interval_ms, sampling.on_change, numbers, follows, strides))
        listed += names
    receiver = [signal.name for signal in RECEIVER_SIGNALS] if profile.gnss.source == "receiver" else []
    if receiver:
        numbers = range(len(listed), len(listed) + len(receiver))
        groups.append(PlannedGroup(int(profile.gnss.every), False, numbers, numbers[0]))
    return Grouping(tuple(groups), tuple(listed), tuple(receiver))


def _classes(profile: Profile) -> Iterator[tuple[SamplingClass, list[str]]]:
    """Each class of which there are signals, with their names."""
    for class_name, sampling in profile.classes.items():
        names = [name for name, signal, _ in profile.collected() if signal.sampling == class_name]
        if names:
            yield sampling, names


def _intervals_ms(sampling: SamplingClass, cadences_ms: Mapping[VehicleState, int]) -> dict[VehicleState, int]:
    """How often a class is sampled, or restated, in each state."""
    found = {state: int(sampling.every) for state in AWAKE} | {
        state: int(interval) for state, interval in sampling.intervals()
    }
    if not sampling.on_change:
        return found
    return {state: min(interval_ms, cadences_ms[state]) for state, interval_ms in found.items()}
