"""What a record says of a trip in numbers, computed from its progress."""

from __future__ import annotations

from cloud_bridge.records.model import EnergyConsumption, EnergyLevel, Known, Propulsion, Segment
from cloud_bridge.records.progress import ENERGIES, MILEAGE, NEAR_START_MS, POSITION, RESTATED_MS, Progress

KNOWN_SHARE = 0.95
"""Of how much of the way it must be known what propelled the vehicle."""

_PROPULSIONS: tuple[Propulsion, ...] = ("Thermal", "Electric", "Hybrid")


def distance_km(shown: Progress, started_ms: int, duration_ms: int) -> float | None:
    """The first measure that covers the trip; what covers a part of it only is no distance."""
    fine: list[tuple[float, int]] = []
    coarse: list[tuple[float, int]] = []
    last_resort: list[tuple[float, int]] = []
    first, last = shown.start.get(MILEAGE), shown.end.get(MILEAGE)
    if first is not None and last is not None and last.at_ms > first.at_ms and MILEAGE not in shown.jumped:
        driven_km = float(last.value) - float(first.value)
        step_km = shown.odometer_step_km
        is_fine = step_km is not None and step_km <= max(0.5, driven_km / 100)
        covered_ms = last.at_ms - max(first.at_ms, started_ms)
        (fine if is_fine else coarse).append((driven_km, covered_ms))
        last_resort.append((driven_km, covered_ms + 2 * RESTATED_MS))
    if shown.integrated_ms:
        fine.append((shown.integral_km, shown.integrated_ms))
    start, stop = shown.start_position, shown.stop_position
    if start is not None and stop is not None and shown.path_km > 0 and POSITION not in shown.jumped:
        coarse.append((shown.path_km, stop.at_ms - start.at_ms))
    measures = fine + coarse + last_resort
    return next((distance for distance, covered_ms in measures if covered_ms >= _enough_ms(duration_ms)), None)


def energies(values: dict[str, Known]) -> tuple[EnergyLevel, ...]:
    levels = []
    for energy in ENERGIES:
        level, autonomy = values.get(f"energies.{energy}.level"), values.get(f"energies.{energy}.autonomy")
        if level is not None or autonomy is not None:
            levels.append(
                EnergyLevel(
                    energy,
                    None if level is None else float(level.value),
                    None if autonomy is None else int(autonomy.value),
                )
            )
    return tuple(levels)


def consumptions(shown: Progress, started_ms: int, distance: float | None) -> tuple[EnergyConsumption, ...]:
    """What the vehicle's own counters say."""
    found = []
    for energy in ENERGIES:
        counter = f"energies.{energy}.consumption.total"
        first, last = shown.start.get(counter), shown.end.get(counter)
        if first is None or last is None or first.at_ms == last.at_ms or counter in shown.jumped:
            continue
        if first.at_ms - started_ms > NEAR_START_MS or shown.last_ms - last.at_ms > NEAR_START_MS:
            continue
        used = round(float(last.value) - float(first.value), 3)
        found.append(EnergyConsumption(energy, used, round(used / distance * 100, 2) if distance else None))
    return tuple(found)


def segments(
    shown: Progress, duration_ms: int, distance: float | None, always: Propulsion | None
) -> tuple[Segment, ...]:
    """The parts of the distance by what propelled the vehicle, in the ratio in which the speed adds up under each; all
    of it by what `always` does."""
    if always is not None and distance:
        return (Segment(always, 100.0, round(distance, 3)),)
    known_km = sum(shown.propelled_km.values())
    if distance is None or known_km <= 0 or known_km < KNOWN_SHARE * shown.integral_km:
        return ()
    if shown.integrated_ms < _enough_ms(duration_ms):
        return ()
    return tuple(
        Segment(propulsion, round(100 * part_km / known_km, 1), round(distance * part_km / known_km, 3))
        for propulsion in _PROPULSIONS
        if (part_km := shown.propelled_km.get(propulsion, 0.0)) > 0
    )


def _enough_ms(duration_ms: int) -> int:
    """What has to be covered of a trip to be of all of it."""
    return duration_ms - max(30_000, duration_ms // 20)
