"""Limits of the numbers that are published: those of the specification; where it gives none, those of what there is.

A sensor that is broken, or that says nothing in a way that its database does not know (all bits set), gives numbers
that no vehicle does: 655.35 km/h. That a single value tells; what only those before it tell is for
`cloud_bridge.records.plausibility`.
"""

from __future__ import annotations

from contract.catalog import Datum

FASTEST_KMH = 400.0
"""No vehicle on a road is faster."""
_GREATEST = 1e15
"""No published number is greater: above, a float no longer tells neighbouring integers apart."""

_PHYSICAL = {
    "kinetic.speed": (-100.0, FASTEST_KMH),
    "kinetic.acceleration": (-1000.0, 1000.0),
    "engines.Thermic.speed": (0.0, 25_000.0),
    "engines.Electric.speed": (-40_000.0, 40_000.0),
    "engines.Thermic.coolant.temp": (-80.0, 250.0),
    "engines.Thermic.oil.temp": (-80.0, 400.0),
    "engines.Thermic.air.temp": (-80.0, 250.0),
    "environment.air.temp": (-80.0, 80.0),
    "odometer.mileage": (0.0, 10_000_000.0),
}


def limits(datum: Datum) -> tuple[float, float]:
    """The least and the greatest value that is published."""
    low, high = _PHYSICAL.get(datum.key, (-_GREATEST, _GREATEST))
    return (
        low if datum.minimum is None else max(low, datum.minimum),
        high if datum.maximum is None else min(high, datum.maximum),
    )
