"""Time without a clock: what ties the boot's monotonic clock to the calendar.

A box may have no clock that survives the night, so everything it collects is stamped with milliseconds of the boot's
monotonic clock, and an *anchor* dates it: one moment on both clocks, with an uncertainty. Any anchor of a boot dates
all of the boot, also what was sent before it was found. Here is where anchors come from; which of them is believed is
the calendar's to say (`agent.clocks.calendar`).

    source      uncertainty     from
    gnss        300 ms          an RMC sentence of a receiver on a serial port, by its arrival
    gnss        the profile's   a signal of the bus that a GNSS module sends ([clock] of the profile)
    system      as it is kept   the box's clock, while it is known to be synchronised (`agent.clocks.system`)
    bridge      500 ms and      a receipt: made after the upload was first published and before it came
                half of that time
    recording   1000 ms         the times written in a replayed recording

The dashboard's clock is never used: people set it, and to local time.
"""

from __future__ import annotations

from agent.clocks.calendar import EARLIEST_UTC_MS
from contract.upload import Anchor, AnchorSource

RECEIVER_UNCERTAINTY_MS = 300
"""A receiver needs a good part of this from the instant to its first sentence, and the port some more."""
RECORDING_UNCERTAINTY_MS = 1000


def surest(known: Anchor | None, found: Anchor | None) -> Anchor | None:
    """The one to keep of what frames a short time apart told: `found` only where nothing is known or it is surer."""
    if found is None or (known is not None and known.uncertainty_ms <= found.uncertainty_ms):
        return known
    return found


def satellite_anchor(at_ms: int, utc_ms: int, uncertainty_ms: int = RECEIVER_UNCERTAINTY_MS) -> Anchor | None:
    """From a time that satellites gave; None for one that cannot be true: they count 1024 weeks and begin again, so an
    old receiver is 19.6 years late."""
    return Anchor(at_ms, utc_ms, uncertainty_ms, AnchorSource.GNSS) if utc_ms >= EARLIEST_UTC_MS else None


def recording_anchor(start_utc_ms: int | None) -> Anchor | None:
    """From the calendar time of a recording's beginning (`agent.bus.recording`), None where it has none."""
    if start_utc_ms is None:
        return None
    return Anchor(0, start_utc_ms, RECORDING_UNCERTAINTY_MS, AnchorSource.RECORDING)
