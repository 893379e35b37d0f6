"""How often a stolen vehicle uploads, until that is changed: kept through restarts.

    canlift tracking 1 <checksum>       `agent.disk.checked`
    {"running_s": 10, "shutdown_s": 60}

While the vehicle drives it uploads every `running_s`, in every other state, asleep too, every `shutdown_s`; what is not
given is as the profile says.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from agent.disk.checked import DamagedError, load_struct, save_checked
from contract.actions import Tracking
from contract.profile.cadence import VehicleState

log = logging.getLogger(__name__)

_TITLE = "canlift tracking 1"


class KeptTracking:
    def __init__(
        self,
        file: Path,
        usual_ms: Mapping[VehicleState, int],
        upload_every: Callable[[Mapping[VehicleState, int]], None],
    ) -> None:
        """`usual_ms` is the profile's cadence; `upload_every` takes another one from then on, now if one was kept."""
        self._file = file
        self._usual_ms = usual_ms
        self._upload_every = upload_every
        self.tracking = self._load()
        if self.tracking != Tracking():
            self._apply()

    def take(self, tracking: Tracking | None) -> bool:
        """`tracking`: what is not given stays; None: as the profile says. Whether that changes anything. Raises
        OSError."""
        before = self.tracking
        after = Tracking()
        if tracking is not None:
            running_s = before.running_s if tracking.running_s is None else tracking.running_s
            shutdown_s = before.shutdown_s if tracking.shutdown_s is None else tracking.shutdown_s
            after = Tracking(running_s, shutdown_s)
        if after == before:
            return False
        save_checked(self._file, _TITLE, msgspec.json.encode(after))
        self.tracking = after
        self._apply()
        return True

    def _apply(self) -> None:
        running_s, shutdown_s = self.tracking.running_s, self.tracking.shutdown_s
        cadences_ms = dict(self._usual_ms)
        for state in VehicleState:
            chosen_s = running_s if state is VehicleState.DRIVING else shutdown_s
            if chosen_s is not None:
                cadences_ms[state] = chosen_s * 1000
        self._upload_every(cadences_ms)

    def _load(self) -> Tracking:
        try:
            return load_struct(self._file, _TITLE, Tracking) or Tracking()
        except DamagedError as damaged:
            log.error("remote: %s: uploads are as often as the profile says: %s", self._file, damaged)
            return Tracking()
