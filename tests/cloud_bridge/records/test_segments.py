"""What propelled the vehicle on a trip, and what that took."""

from __future__ import annotations

import pytest

from cloud_bridge.records.model import Message, Segment, Value
from cloud_bridge.records.rules import Rules
from cloud_bridge.records.trips import TripRule
from tests.cloud_bridge.records.flows import VIN, at, fold, stretch

HYBRID = Rules(VIN, TripRule("ignition.type", frozenset({"Start"}), 300_000, propels_ms=120_000))


def drive(*parts: tuple[int, float, str | None]) -> list[Message]:
    """One message a second: parts of (seconds, speed, propulsion), each restated each minute."""
    messages = [at(0, ignition__type="Stop"), at(1, ignition__type="Start")]
    second = 2
    for seconds, speed_kmh, propulsion in parts:
        for number in range(seconds):
            said: dict[str, Value] = {"kinetic.speed": speed_kmh}
            if number % 60 == 0:
                said |= {"ignition.type": "Start"} | ({} if propulsion is None else {"propulsion": propulsion})
            messages.append(at(second, said))
            second += 1
    return [*messages, at(second, ignition__type="Stop")]


def segments(messages: list[Message]) -> tuple[Segment, ...]:
    return fold([stretch(messages)], HYBRID).trip.segments


def test_segments_are_the_distance_by_what_propels_the_vehicle() -> None:
    messages = drive((600, 36.0, "Electric"), (600, 108.0, "Thermal"), (300, 36.0, "Electric"))
    trip = fold([stretch(messages)], HYBRID).trip
    thermal, electric = trip.segments
    assert trip.distance_km == pytest.approx(27.0, abs=0.05)
    assert (thermal.propulsion, electric.propulsion) == ("Thermal", "Electric")
    assert [thermal.percent, electric.percent] == pytest.approx([66.7, 33.3], abs=0.3)
    assert [thermal.distance_km, electric.distance_km] == pytest.approx([18, 9], abs=0.1)
    assert thermal.distance_km + electric.distance_km == pytest.approx(trip.distance_km, abs=0.002)


def test_one_propulsion_is_one_segment_of_all_of_the_trip() -> None:
    (segment,) = segments(drive((300, 72.0, "Hybrid")))
    assert (segment.propulsion, segment.percent) == ("Hybrid", 100.0)


def test_a_distance_of_the_odometer_is_parted_as_the_speed_parts() -> None:
    messages = drive((600, 36.0, "Electric"), (600, 36.0, "Thermal"))
    said = [
        at(one.at_ms / 1000, dict(one.values), odometer__mileage=round(1000 + place / 1200 * 12.0, 1))
        for place, one in enumerate(messages)
    ]
    assert [one.distance_km for one in segments(said)] == pytest.approx([6.0, 6.0], abs=0.05)


@pytest.mark.parametrize(
    "parts",
    [
        [(600, 72.0, None)],
        [(60, 72.0, None), (600, 72.0, "Electric")],
        [(100, 72.0, "Electric"), (600, 72.0, None)],
    ],
    ids=["never", "not at first", "not since long"],
)
def test_there_are_none_where_it_is_not_known_what_propelled_the_vehicle(parts: list[tuple[int, float, None]]) -> None:
    assert segments(drive(*parts)) == ()


def test_a_vehicle_of_one_engine_has_one_segment_where_the_distance_is_known() -> None:
    thermal = Rules(VIN, TripRule("ignition.type", frozenset({"Start"}), 300_000, always="Thermal"))
    trip = fold([stretch(drive((600, 72.0, None)))], thermal).trip
    assert trip.distance_km is not None
    assert trip.segments == (Segment("Thermal", 100.0, trip.distance_km),)
    unknown = [at(one.at_ms / 1000, kinetic__moving=True, ignition__type="Start") for one in drive((100, 72.0, None))]
    assert fold([stretch(unknown)], thermal).trip.segments == ()


def test_what_propels_at_the_start_may_have_been_said_before_it() -> None:
    messages = drive((100, 72.0, None))
    messages[0] = at(0, ignition__type="Stop", propulsion="Electric")
    (segment,) = segments(messages)
    assert segment.propulsion == "Electric"


def test_a_speed_that_covers_half_of_the_trip_parts_nothing() -> None:
    said = [
        at(
            one.at_ms / 1000,
            {name: value for name, value in one.values.items() if name != "kinetic.speed" or place < 300},
            odometer__mileage=1000 + place / 50,
        )
        for place, one in enumerate(drive((600, 72.0, "Electric")))
    ]
    trip = fold([stretch(said)], HYBRID).trip
    assert trip.distance_km == pytest.approx(12.0, abs=0.1)
    assert trip.segments == ()


def test_what_a_trip_took_is_told_of_each_energy_that_has_a_counter() -> None:
    counters = {"energies.Electric.consumption.total": 40.0, "energies.Fuel.consumption.total": 1.5}
    messages = [
        at(one.at_ms / 1000, dict(one.values), {name: 1000 + step * place for name, step in counters.items()})
        for place, one in enumerate(drive((100, 36.0, "Hybrid")))
    ]
    fuel, electric = fold([stretch(messages)], HYBRID).trip.consumptions
    assert (fuel.type, fuel.consumption, electric.type, electric.consumption) == ("Fuel", 151.5, "Electric", 4040.0)
    assert [fuel.average, electric.average] == pytest.approx([15_150, 404_000], rel=0.03)


def test_a_battery_that_is_charged_on_the_way_says_no_consumption() -> None:
    gave = [1000.0, 1400.0, 1300.0, 1500.0]
    messages = drive((100, 36.0, "Electric"))
    said = [
        at(one.at_ms / 1000, dict(one.values), energies__Electric__consumption__total=gave[place // 26])
        for place, one in enumerate(messages)
    ]
    assert fold([stretch(said)], HYBRID).trip.consumptions == ()
