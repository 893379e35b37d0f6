"""MQTT topics: one tree per vehicle, named by its VIN.

canlift/v1/<vin>/up          vehicle → bridge: uploads (`contract.upload`)
canlift/v1/<vin>/manifest    vehicle → bridge: a manifest that the bridge asked for (`contract.manifest`)
canlift/v1/<vin>/receipt     bridge → vehicle: what is committed, refused or missing (`contract.receipt`)
canlift/v1/<vin>/command     bridge → vehicle: what it is to do (`contract.command`); what is to wait for it, retained
canlift/v1/<vin>/command/result    vehicle → bridge: what came of it
canlift/v1/<vin>/watch       bridge → vehicle, retained: what it is to watch (`contract.watching`), a signed command
canlift/v1/<vin>/watch/report      vehicle → bridge: what it watches
canlift/v1/<vin>/certificate       bridge → vehicle: its next certificate (`contract.renewal`)
canlift/v1/<vin>/certificate/request   vehicle → bridge: that it needs one
"""

from __future__ import annotations

import re

PREFIX = "canlift/v1"
UP = "up"
MANIFEST = "manifest"
RECEIPT = "receipt"
COMMAND = "command"
RESULT = "command/result"
WATCH = "watch"
WATCH_REPORT = "watch/report"
CERTIFICATE = "certificate"
CERTIFICATE_REQUEST = "certificate/request"
FROM_VEHICLE = (UP, MANIFEST, RESULT, WATCH_REPORT, CERTIFICATE_REQUEST)
TO_VEHICLE = (RECEIPT, COMMAND, WATCH, CERTIFICATE)
RETAINED = (COMMAND, WATCH)
"""On these the broker may keep a message for a vehicle that is away."""

# ISO 3779: 17 characters, without I, O and Q.
VIN_PATTERN = "[A-HJ-NPR-Z0-9]{17}"
_VIN = re.compile(VIN_PATTERN)


def is_vin(text: str) -> bool:
    """Whether `text` has the form of a vehicle identification number (ISO 3779; upper case)."""
    return _VIN.fullmatch(text) is not None


def topic(vin: str, leaf: str) -> str:
    return f"{PREFIX}/{vin}/{leaf}"


def vin_of(topic: str) -> str | None:
    """The VIN that a topic of this tree names; None for any other topic."""
    parts = topic.split("/", 3)
    if len(parts) < 4 or "/".join(parts[:2]) != PREFIX or not is_vin(parts[2]):
        return None
    leaf = parts[3]
    return parts[2] if "/" not in leaf or leaf in FROM_VEHICLE or leaf in TO_VEHICLE else None
