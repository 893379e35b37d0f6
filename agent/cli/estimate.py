"""What the signals of a plan weigh on the mobile network."""

from __future__ import annotations

import msgspec

from agent.plan.plan import Plan
from contract.profile.cadence import VehicleState

HOURS_A_DAY = 2
DAYS_A_MONTH = 30
ENVELOPE_BYTES = 90
"""Of an upload: vehicle, boot, number, times, anchor, ledger, lengths of columns."""
TRANSPORT_BYTES = 167
"""Of an upload on its way besides its payload: MQTT, TLS and TCP/IP."""
TYPICAL_SAMPLE_BYTES = 0.6
"""Of a sample in a column of differences, measured on recorded drives."""
TYPICAL_CHANGES_A_MINUTE = 0.2
WORST_CHANGES_A_MINUTE = 6.0
CHANGE_BYTES = 4
"""Of a change: which signal, when, and its value."""


class Estimate(msgspec.Struct, frozen=True):
    """Bytes of one upload, transport included, and of a month."""

    uploads_an_hour: float
    typical_bytes: float
    worst_bytes: float

    def month(self, upload_bytes: float) -> float:
        return upload_bytes * self.uploads_an_hour * HOURS_A_DAY * DAYS_A_MONTH

    def __str__(self) -> str:
        typical_mb, worst_mb = (self.month(each) / 1e6 for each in (self.typical_bytes, self.worst_bytes))
        return (
            f"A month of {HOURS_A_DAY} h a day: about {typical_mb:.1f} MB up, {worst_mb:.1f} MB at worst. "
            f"Basis: {self.uploads_an_hour:g} uploads an hour, each with {ENVELOPE_BYTES} bytes of envelope and "
            f"{TRANSPORT_BYTES} of MQTT, TLS and TCP/IP; {TYPICAL_SAMPLE_BYTES} bytes a sample (at worst its bits and "
            f"two more); on-change signals change {TYPICAL_CHANGES_A_MINUTE:g} times a minute (at worst "
            f"{WORST_CHANGES_A_MINUTE:g} times), {CHANGE_BYTES} bytes each."
        )


def estimate(plan: Plan) -> Estimate:
    """What the signals of a plan weigh while the vehicle drives."""
    minutes = plan.cadences_ms[VehicleState.DRIVING] / 60_000
    typical = worst = float(ENVELOPE_BYTES + TRANSPORT_BYTES)
    for group in plan.groups:
        rows = plan.cadences_ms[VehicleState.DRIVING] / group.interval_ms
        for number in group.signals:
            bits = plan.signals[number].layout.length
            typical += rows * TYPICAL_SAMPLE_BYTES
            worst += rows * (bits + 2) / 8
            if group.on_change:
                typical += minutes * TYPICAL_CHANGES_A_MINUTE * CHANGE_BYTES
                worst += minutes * WORST_CHANGES_A_MINUTE * CHANGE_BYTES
    return Estimate(3_600_000 / plan.cadences_ms[VehicleState.DRIVING], typical, worst)
