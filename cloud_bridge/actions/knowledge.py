"""What a vehicle said that decides what may be asked of it."""

from __future__ import annotations

from cloud_bridge.actions.life import Known
from cloud_bridge.records.model import Status


def seen(status: Status | None, *, is_able: bool) -> Known:
    """Of the newest that the vehicle said; `is_able`: it can do what is asked."""
    if status is None:
        return Known(is_able=is_able)
    known = status.known
    level, charging, privacy = (known.get(datum) for datum in (_LEVEL, _CHARGING, _PRIVACY))
    return Known(
        is_able=is_able,
        battery_percent=None if level is None else float(level.value),
        is_charging=charging is not None and charging.value == "InProgress",
        is_private=privacy is not None and privacy.value == "Full",
    )


_LEVEL = "energies.Electric.level"
_CHARGING = "energies.Electric.charging.status"
_PRIVACY = "privacy.state"
