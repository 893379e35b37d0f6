"""[absent]: why a model does not serve a published datum, for people.

    [absent]
    "doorsState.locked" = "the bus does not say whether the doors are locked"
    adas = "the car has no driving assistance"
    "*" = "nobody has found it on this bus yet"

A key is a datum, the beginning of several up to a dot, `trip`, or `*` for all that is not named. The longest that fits
holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from contract.catalog import DATA
from contract.configuration import Keys, nearest

REST = "*"
TRIP = "trip"


def reason(absent: Mapping[str, str], *keys: str) -> str | None:
    """Why none of some data is there: what is said of the first that is named; None where the profile does not say."""
    for key in keys:
        words = key.split(".")
        for length in range(len(words), 0, -1):
            found = absent.get(".".join(words[:length]))
            if found is not None:
                return found
    return absent.get(REST)


def absence_contradictions(absent: Mapping[str, str], served: Collection[str]) -> Iterator[tuple[Keys, str]]:
    """What is wrong with the table; `served` are the keys of the data that the profile maps, `trip` for its rule."""
    places = {
        ".".join(words[:length]) for key in DATA for words in (key.split("."),) for length in range(1, len(words) + 1)
    }
    for key in absent:
        if key in served:
            yield ("absent", key), "the profile says where it comes from"
        elif key not in places and key not in (REST, TRIP):
            yield ("absent", key), f"there is no such datum{nearest(key, places)}"
        elif not absent[key]:
            yield ("absent", key), "expected the reason"
