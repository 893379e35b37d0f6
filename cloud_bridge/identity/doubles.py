"""Two boxes with one identity: a bundle that was installed twice, a disk that was copied, a key that was stolen.

A box lives one boot of its kernel after the other. Where two boots of one vehicle say, of the same minutes, what
happened, they are of two boxes; which does not depend on when what they said came. What is dated may be wrong by the
uncertainty of its anchors, and by a little more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from itertools import combinations

import msgspec

from cloud_bridge.store.port.boots import Boots, Lived
from cloud_bridge.threads.working import Working

SLACK_MS = 60_000
LOOK_S = 60.0
LATELY_MS = 3 * 3_600_000
"""How far back the bridge looks each time."""

log = logging.getLogger(__name__)


class Double(msgspec.Struct, frozen=True):
    """Two boots that ran at the same time."""

    boots: tuple[str, str]
    """Of the kernels, 16 hexadecimal digits each: what `canlift-agent run` logs at its start begins with its own."""
    from_ms: int
    until_ms: int


def doubles(lived: Iterable[Lived]) -> list[Double]:
    """All pairs of boots, of one vehicle, that cannot be of one box."""
    found = []
    for one, other in combinations(sorted(lived, key=lambda boot: boot.kernel), 2):
        from_ms, until_ms = max(one.from_ms, other.from_ms), min(one.to_ms, other.to_ms)
        if until_ms - from_ms > SLACK_MS + one.uncertainty_ms + other.uncertainty_ms:
            found.append(Double((one.kernel.hex(), other.kernel.hex()), from_ms, until_ms))
    return found


class DoublesWatch:
    """Looks every minute at the vehicles that sent something lately, and names each pair of boxes once."""

    def __init__(
        self, boots: Boots, clock_ms: Callable[[], int], on_failure: Callable[[], None], look_s: float = LOOK_S
    ) -> None:
        self._boots = boots
        self._clock_ms = clock_ms
        self._look_s = look_s
        self._named: set[tuple[str, tuple[str, str]]] = set()
        complaint = "whether two boxes have one identity cannot be looked at now"
        self._working = Working("doubles", self.look, look_s, on_failure, first_s=look_s, complaint=complaint)

    def start(self) -> None:
        self._working.start()

    def stop(self) -> None:
        self._working.stop()

    def look(self) -> None:
        """Raises StoreError."""
        since_ms = self._clock_ms() - LATELY_MS
        for vin in self._boots.heard(self._clock_ms() - int(2 * self._look_s * 1000)):
            for double in doubles(self._boots.lived(vin, since_ms)):
                if (vin, double.boots) not in self._named:
                    self._named.add((vin, double.boots))
                    log.error(
                        "vehicle %s: two boxes have its identity; the boots %s and %s ran at the same time. Revoke it,"
                        " and enroll the box that is the vehicle's",
                        vin,
                        *double.boots,
                    )
