"""[privacy]: what the vehicle itself says of it, and which signals tell where the vehicle is.

A signal tells it when it makes a datum of the position, when the receiver says it (but for the speed), when it is the
network that the modem is in, or when it is listed under `positional`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Literal, Protocol

import msgspec

from contract.configuration import Keys, nearest
from contract.profile.devices import RECEIVER_SIGNALS

_ALWAYS = frozenset({signal.name for signal in RECEIVER_SIGNALS} - {"GNSS.Speed"} | {"Modem.Operator"})
_POSITION = "position."


class PrivacyRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: str | None = msgspec.field(name="from", default=None)
    """A signal by which the vehicle says the state that its driver chose."""
    values: dict[str, Literal["None", "Geolocation", "Full"]] = {}
    """States by value name (or by the number as text where there is no name). Any other value says nothing."""
    positional: tuple[str, ...] = ()
    """Collected signals that tell where the vehicle is besides those that make its position."""


class _Mapped(Protocol):
    @property
    def names(self) -> tuple[str, ...]: ...


def positional(rules: PrivacyRules, data: Mapping[str, _Mapped]) -> frozenset[str]:
    """The signals that tell where the vehicle is."""
    mapped = {name for key, mapping in data.items() if key.startswith(_POSITION) for name in mapping.names}
    return _ALWAYS | mapped | frozenset(rules.positional)


def privacy_contradictions(rules: PrivacyRules, collected: Collection[str]) -> Iterator[tuple[Keys, str]]:
    """What is wrong with the table, with its place in the profile."""
    if (rules.source is None) != (not rules.values):
        yield ("privacy",), "from and values belong together: the signal, and which of its values is which state"
    for index, name in enumerate(rules.positional):
        if name not in collected:
            yield ("privacy", "positional", index), f"{name} is not listed under [signals]{nearest(name, collected)}"
