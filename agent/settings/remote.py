"""[remote]: what the cloud may have the vehicle do. Without it nothing is transmitted, whatever the profile says."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from contract.configuration import Keys, nearest


class RemoteSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    enabled: bool = False
    """Without it no action is listened for, and nothing that could transmit is opened. Needs [commands] keys."""
    allow: tuple[str, ...] = ()
    """The actions that may be done, by their names (`contract.steps`)."""
    time_zone: str = "UTC"
    """In which the times of programs are, by its IANA name."""

    def contradictions(self) -> Iterator[tuple[Keys, str]]:
        if self.allow:
            # Here and not above: few vehicles need it at a start.
            from contract.steps import ARGUMENTS

            for index, name in enumerate(self.allow):
                if name not in ARGUMENTS:
                    yield ("allow", index), f"there is no action {name}{nearest(name, ARGUMENTS)}"
        if self.time_zone != "UTC" and not _is_time_zone(self.time_zone):
            yield ("time_zone",), f"{self.time_zone!r} is no time zone that this system knows"


def _is_time_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return False
    return True
