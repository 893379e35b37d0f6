"""Programs of preconditioning and of charging: where their data stand, and which are published only together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from contract.catalog import DAYS, SLOTS

_CONDITIONING = "preconditioning.airConditioning.programs"
_CHARGING = "energies.Electric.charging.schedule.programs"
_CONDITIONED = ("enabled", "recurrence", "start")
_CHARGED = ("enabled", "start", "end", "chargeUntilFull")


def conditioning_places(block: str) -> dict[str, str]:
    """The places of all data of preconditioning's programs; `block` is the place of what holds the list."""
    return _places(_CONDITIONING, block, _CONDITIONED)


def charging_places(block: str) -> dict[str, str]:
    """The same of charging's."""
    return _places(_CHARGING, block, _CHARGED)


def _places(key: str, block: str, names: tuple[str, ...]) -> dict[str, str]:
    places = {}
    for slot in SLOTS:
        own = f"{block}.programs[slot={slot}]"
        places.update({f"{key}.{slot}.{name}": f"{own}.{name}" for name in names})
        places.update({f"{key}.{slot}.occurence.{day}": f"{own}.occurence.day[]" for day in DAYS})
    return places


def _together() -> Iterator[tuple[str, frozenset[str]]]:
    for slot in SLOTS:
        conditioned, charged = f"{_CONDITIONING}.{slot}", f"{_CHARGING}.{slot}"
        whole = frozenset(f"{conditioned}.{name}" for name in (*_CONDITIONED, *_days()))
        yield from ((key, whole) for key in whole)
        start = f"{charged}.start"
        yield from ((f"{charged}.{name}", frozenset({start})) for name in _CHARGED)
        week = frozenset(f"{charged}.{day}" for day in _days())
        yield from ((key, week | {start}) for key in week)


def _days() -> tuple[str, ...]:
    return tuple(f"occurence.{day}" for day in DAYS)


TOGETHER: Mapping[str, frozenset[str]] = MappingProxyType(dict(_together()))
"""The data without which a datum is not published: of a program what the specification requires, of a week all days."""
