"""Programs of preconditioning and of charging that the box keeps: collected and published without being listed.

A profile whose [actions] have what such programs need has the box's messages `ConditioningPrograms` or
`ChargingPrograms` (`contract.profile.devices`) under [signals], sampled every five minutes and told at each change, and
under [data] what is published of them. What the profile lists or maps itself stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from contract.catalog import DAYS, SLOTS
from contract.configuration import Duration
from contract.profile.data import Mapping
from contract.profile.devices import CHARGING, CONDITIONING, program_signal
from contract.profile.signals import SamplingClass, Signal
from contract.steps import CHARGE_AT, SET_CHARGING, SET_CONDITIONING, is_served

CLASS = "programs"
"""The class of their signals."""
SAMPLING = SamplingClass(every=Duration(300_000))
"""Often enough to be published together with what else is said of preconditioning and charging."""
_TRUTH: dict[str, str | bool] = {"No": False, "Yes": True}
_CONDITIONED = "preconditioning.airConditioning.programs"
_CHARGED = "energies.Electric.charging.schedule.programs"
_NEXT = "energies.Electric.charging.nextDelayedTime"


def program_data(actions: Collection[str]) -> dict[str, Mapping]:
    """What is published of the programs that a profile with these actions can have."""
    served = dict.fromkeys(actions)
    data: dict[str, Mapping] = {}
    if is_served(SET_CONDITIONING, served):
        data |= _programs(
            CONDITIONING, _CONDITIONED, {"enabled": "Enabled", "recurrence": "Recurrence", "start": "Start"}
        )
    if is_served(SET_CHARGING, served):
        data |= _programs(CHARGING, _CHARGED, {"enabled": "Enabled", "start": "Start", "end": "End"})
    if is_served(CHARGE_AT, served):
        data[_NEXT] = Mapping(source=f"{CHARGING}.Next")
    return data


def program_signals(data: dict[str, Mapping]) -> dict[str, Signal]:
    """The signals that `program_data` are made of."""
    return {name: Signal(sampling=CLASS) for mapping in data.values() for name in mapping.names}


def _programs(message: str, key: str, parts: dict[str, str]) -> dict[str, Mapping]:
    return dict(_mappings(message, key, parts))


def _mappings(message: str, key: str, parts: dict[str, str]) -> Iterator[tuple[str, Mapping]]:
    for slot in SLOTS:
        for name, part in parts.items():
            truth = _TRUTH if part == "Enabled" else {}
            yield f"{key}.{slot}.{name}", Mapping(source=program_signal(message, slot, part), values=truth)
        for day in DAYS:
            yield f"{key}.{slot}.occurence.{day}", Mapping(source=program_signal(message, slot, day), values=_TRUTH)
