"""Subscribed services: each a set of data, which a vehicle that is subscribed to it shows.

`bridge.toml` has a table for each, with the keys of the data (`contract.catalog`) or what they begin with
(`position.*`, or `position`), and the words `trip` and `stolen`. A vehicle shows what any of its services has; a
vehicle without services shows everything. A service that is not in the settings has no data: what is not known shows
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from contract.catalog import DATA
from contract.configuration import Keys, nearest
from contract.published import STOLEN, TRIP

WORDS = {"trip": TRIP, "stolen": STOLEN}
"""What is not said by the vehicle itself."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def keys_of(pattern: str) -> frozenset[str]:
    """The data that a line of a service names; none where it names nothing that there is."""
    if pattern in WORDS:
        return frozenset({WORDS[pattern]})
    start = pattern.removesuffix(".*")
    return frozenset(key for key in DATA if key == start or key.startswith(f"{start}."))


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[services.<name>]`"""

    data: tuple[str, ...]

    @property
    def keys(self) -> frozenset[str]:
        return frozenset[str]().union(*(keys_of(pattern) for pattern in self.data))


def contradictions(services: Mapping[str, Service]) -> Iterator[tuple[Keys, str]]:
    """What cannot be meant, and where."""
    for name, service in services.items():
        if not _NAME.fullmatch(name):
            yield ("services", name), "the name of a service is of letters, digits, '-' and '_'"
        for pattern in service.data:
            if not keys_of(pattern):
                known = {*WORDS, *DATA, *(key.partition(".")[0] for key in DATA)}
                hint = nearest(pattern.removesuffix(".*"), known)
                yield ("services", name, "data"), f"{pattern!r} is no datum, nor what data begin with{hint}"


class Services:
    """The services that there are, by name."""

    def __init__(self, services: Mapping[str, Service]) -> None:
        self._keys = {name: service.keys for name, service in services.items()}
        self._together: dict[tuple[str, ...], frozenset[str]] = {}

    def data(self, subscribed: tuple[str, ...]) -> frozenset[str] | None:
        """The data of a vehicle with these services; None: all that there are."""
        if not subscribed:
            return None
        found = self._together.get(subscribed)
        if found is None:
            found = frozenset[str]().union(*(self._keys.get(name, frozenset()) for name in subscribed))
            self._together[subscribed] = found
        return found

    def unknown(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name not in self._keys]

    def names(self) -> list[str]:
        return sorted(self._keys)
