from __future__ import annotations

import pytest

from cloud_bridge.records.model import EnergyConsumption, EnergyLevel, Fault, Message, Value
from cloud_bridge.records.rules import Rules
from cloud_bridge.records.trips import TripRule
from tests.cloud_bridge.records.flows import ENGINE, VIN, at, fold, here, stretch


def drive(start_s: int, seconds: int, *said: dict[str, Value], speed_kmh: float = 72.0) -> list[Message]:
    """One message a second, of a constant speed."""
    return [at(second, *said, kinetic__speed=speed_kmh) for second in range(start_s, start_s + seconds)]


START: dict[str, Value] = {"ignition.type": "Start"}
STOP: dict[str, Value] = {"ignition.type": "Stop"}
RUNNING: dict[str, Value] = {"powertrain.status": "Running"}
STOPPED: dict[str, Value] = {"powertrain.status": "NotRunning"}


def test_a_trip_lasts_from_the_very_moment_of_ignition_on_to_that_of_ignition_off() -> None:
    trip = fold([stretch([at(0, STOP), at(18.124, START), *drive(20, 60, START), at(95.815, STOP)])]).trip
    assert (trip.started_at_ms, trip.stopped_at_ms) == (18_124, 95_815)
    assert trip.done
    assert trip.faults == ()


def test_a_trip_is_open_while_the_ignition_is_on() -> None:
    records = fold([stretch([at(0, START), *drive(1, 60, START)])])
    assert not records.trip.done
    assert records.trip.stop_position is None
    assert records.history.trip is not None


def test_ignition_without_movement_is_no_trip() -> None:
    messages = [
        at(0, START),
        *[
            at(
                second,
                here(second, 2.0001 if second % 2 else 2.0),
                kinetic__speed=0.4,
                odometer__mileage=100.0,
            )
            for second in range(1, 60)
        ],
        at(60, STOP),
    ]
    assert fold([stretch(messages)]).trips == {}


def test_a_receiver_alone_shows_a_movement_once_it_is_beyond_wandering() -> None:
    def parked_then(last_longitude: float) -> list[Message]:
        moves = [at(second, here(second, 2.0)) for second in range(1, 10)]
        return [at(0, START), *moves, at(10, here(10, last_longitude)), at(11, STOP)]

    assert fold([stretch(parked_then(2.0013))]).trips == {}
    assert len(fold([stretch(parked_then(2.0015))]).trips) == 1


def test_sleep_ends_a_trip_at_the_last_message() -> None:
    records = fold(
        [stretch([at(0, START), *drive(1, 60, START), *drive(61, 5, START, speed_kmh=0.0)], until_s=90, asleep=True)]
    )
    assert records.trip.stopped_at_ms == 65_000
    assert records.trip.faults == (Fault("Unstarted"),)


def test_a_trip_survives_a_silence_and_ends_by_a_longer_one() -> None:
    first = [at(0, STOP), at(1, START), *drive(2, 60, START), *drive(62, 2, START, speed_kmh=0.0)]
    assert len(fold([stretch(first), stretch([at(363, START), *drive(364, 9, START), at(373, STOP)])]).trips) == 1
    records = fold([stretch(first), stretch([at(363.001, START), *drive(364, 9, START), at(373, STOP)])])
    ended, following = records.trips.values()
    assert ended.stopped_at_ms == 63_000
    assert ended.faults == ()
    assert following.started_at_ms == 363_001


def test_knowing_that_nothing_was_said_is_a_silence_too() -> None:
    messages = [at(0, START), *drive(1, 60, START)]
    assert not fold([stretch(messages, until_s=360)]).trip.done
    assert fold([stretch(messages, until_s=360.001)]).trip.stopped_at_ms == 60_000


def test_a_trip_ends_when_its_datum_was_last_said_though_others_go_on() -> None:
    receiver = [at(second, here(second, 2 + second / 1e4)) for second in range(62, 500)]
    records = fold([stretch([at(0, START), *drive(1, 60, RUNNING), *receiver])], ENGINE)
    assert records.trip.stopped_at_ms == 60_000
    assert records.trip.stop_position is None


def test_an_engine_that_stops_at_a_light_does_not_end_the_trip() -> None:
    light = [at(0, STOPPED), *drive(1, 60, RUNNING), *drive(61, 170, STOPPED, speed_kmh=0.0), *drive(231, 60, RUNNING)]
    records = fold([stretch(light)], ENGINE)
    assert records.trip.started_at_ms == 1000
    assert not records.trip.done
    parked = fold([stretch([*light, *drive(291, 200, STOPPED, speed_kmh=0.0)])], ENGINE)
    assert parked.trip.stopped_at_ms == 291_000
    assert parked.trip.faults == ()


def test_a_longer_engine_stop_ends_the_trip_where_the_engine_stopped() -> None:
    parked = [*drive(1, 60, RUNNING), *drive(61, 181, STOPPED, speed_kmh=0.0), *drive(242, 60, RUNNING)]
    first, second = fold([stretch(parked)], ENGINE).trips.values()
    assert (first.stopped_at_ms, second.started_at_ms) == (61_000, 242_000)


def test_the_ignition_does_not_pause() -> None:
    messages = [*drive(0, 60, START), at(60, STOP), *drive(61, 60, START), at(121, STOP)]
    assert [trip.started_at_ms for trip in fold([stretch(messages)]).trips.values()] == [0, 61_000]


def test_distance_is_the_odometer_s_and_the_start_mileage_that_of_the_start() -> None:
    """The dashboard's odometer is 2 % off the wheels: the odometer it is."""
    messages = [at(0, STOP, odometer__mileage=67660.2), at(1, START)]
    messages += drive(2, 500, START)
    messages += [at(2.5 + 10 * step, odometer__mileage=round(67660.2 + 0.2 * step, 1)) for step in range(50)]
    messages.sort(key=lambda message: message.at_ms)
    trip = fold([stretch([*messages, at(502, STOP)])]).trip
    assert trip.start_mileage_km == 67660.2
    assert trip.distance_km == pytest.approx(9.8)
    assert trip.average_speed_kmh == pytest.approx(9.8 / 501 * 3600, abs=0.01)
    assert trip.maximum_speed_kmh == 72.0


def test_a_coarse_odometer_yields_to_the_integral_of_the_speed() -> None:
    messages = [at(0, START, odometer__mileage=100.0)]
    messages += [
        at(second, kinetic__speed=72.0, odometer__mileage=100.0 + (second + 30) // 50) for second in range(1, 101)
    ]
    trip = fold([stretch([*messages, at(101, STOP)])]).trip
    assert trip.distance_km == pytest.approx(0.02 * 99)


def test_a_coarse_odometer_is_as_good_as_any_over_a_long_way() -> None:
    messages = [at(second, START, kinetic__speed=70.0, odometer__mileage=1.0 + second // 50) for second in range(6000)]
    assert fold([stretch([*messages, at(6000, STOP)])]).trip.distance_km == 119.0


def test_an_odometer_that_was_heard_half_of_the_way_yields_to_the_speed() -> None:
    messages = drive(0, 300, START) + [
        at(second, START, kinetic__speed=72.0, odometer__mileage=round(500 + second * 0.02, 1))
        for second in range(300, 600)
    ]
    trip = fold([stretch([*messages, at(600, STOP)])]).trip
    assert trip.distance_km == pytest.approx(0.02 * 599)
    assert trip.start_mileage_km is None


@pytest.mark.parametrize(
    "said", [[500.0, 500.5, 99_999.9, 99_999.9], [500.0, 500.5, 1.0, 501.5], [500.0, 502.5, 500.9, 501.5]]
)
def test_an_odometer_that_jumps_or_is_reset_invents_no_distance(said: list[float]) -> None:
    driven = [at(0, START), *[at(0.5 + 30 * step, odometer__mileage=km) for step, km in enumerate(said)], at(121, STOP)]
    alone = fold([stretch(driven)]).trip
    assert (alone.distance_km, alone.start_mileage_km) == (None, 500.0)
    with_speed = sorted([*driven, *drive(1, 120, speed_kmh=36.0)], key=lambda message: message.at_ms)
    assert fold([stretch(with_speed)]).trip.distance_km == pytest.approx(1.19)


def test_an_odometer_that_jumps_while_the_vehicle_stands_makes_no_trip() -> None:
    messages = [at(0, START, odometer__mileage=500.0), at(1, odometer__mileage=99_999.9), at(2, STOP)]
    assert fold([stretch(messages)]).trips == {}


def test_an_odometer_of_whole_miles_does_not_jump() -> None:
    messages = [at(0, START, odometer__mileage=1609.3), at(1, odometer__mileage=1610.9), at(120, STOP)]
    assert fold([stretch(messages)]).trip.distance_km == pytest.approx(1.6)


def test_speeds_more_than_ten_seconds_apart_are_not_bridged() -> None:
    messages = [*drive(0, 300, START), *drive(320, 300, START)]
    assert fold([stretch([*messages, at(620, STOP)])]).trip.distance_km == pytest.approx(0.02 * (299 + 299))


def test_half_the_way_is_not_the_way() -> None:
    half = [*drive(0, 300, START), *[at(second, START, here(second, 2 + second / 1e4)) for second in range(300, 600)]]
    trip = fold([stretch([*half, at(600, STOP)])]).trip
    assert (trip.distance_km, trip.average_speed_kmh, trip.maximum_speed_kmh) == (None, None, 72.0)


def test_an_odometer_that_does_not_change_may_be_silent_for_a_minute() -> None:
    def heard(last_s: int) -> float | None:
        steps = [at(second, odometer__mileage=round(100 + second / 100, 1)) for second in range(10, last_s + 1, 10)]
        return fold([stretch([at(0, START), *steps, at(300, STOP)])]).trip.distance_km

    assert heard(240) == pytest.approx(2.3)
    assert heard(130) is None


def test_without_speed_and_odometer_the_positions_are_the_distance() -> None:
    """A degree of longitude on the equator is 111.195 km on the mean sphere."""
    path = [at(second, here(second, second / 1000, 0.0)) for second in range(1, 101)]
    trip = fold([stretch([at(0, START), *path, at(101, STOP)])]).trip
    assert trip.distance_km == pytest.approx(0.099 * 111.195, abs=0.001)
    assert trip.maximum_speed_kmh is None


def test_what_was_said_long_before_the_start_is_not_the_start_s() -> None:
    def trip_after(parked_s: int) -> tuple[float | None, tuple[EnergyLevel, ...]]:
        parked = at(0, STOP, odometer__mileage=100.0, energies__Fuel__level=50.0)
        messages = [parked, at(parked_s, START), *drive(parked_s + 1, 60, START)]
        trip = fold([stretch([*messages, at(parked_s + 61, STOP)])]).trip
        return trip.start_mileage_km, trip.start_energies

    assert trip_after(60) == (100.0, (EnergyLevel("Fuel", 50.0),))
    assert trip_after(61) == (None, ())


def test_what_was_first_said_long_after_the_start_is_not_the_start_s_nor_what_was_last_said_long_before_the_end() -> (
    None
):
    said: dict[str, Value] = {"odometer.mileage": 100.0, "energies.Fuel.level": 50.0}

    def trip(first_s: int, last_s: int) -> tuple[float | None, int, int]:
        messages = [*drive(0, first_s, START), at(first_s, said, START), *drive(first_s + 1, last_s, START)]
        made = fold([stretch([*messages, at(first_s + last_s + 1, STOP)])]).trip
        return made.start_mileage_km, len(made.start_energies), len(made.end_energies)

    assert trip(60, 598) == (100.0, 1, 1)
    assert trip(61, 599) == (None, 0, 0)


def test_energies_are_those_nearest_to_the_start_and_last_before_the_end() -> None:
    messages = [
        at(0, STOP, energies__Fuel__level=12.5, energies__Fuel__autonomy=140),
        at(30, START),
        *drive(31, 4, START),
        at(36, energies__Fuel__level=12.0, energies__Electric__level=80.0),
        at(600, energies__Fuel__level=8.47, energies__Fuel__autonomy=90, kinetic__speed=0.0),
        at(601, STOP),
        at(602, energies__Fuel__level=30.0),
    ]
    trip = fold([stretch(messages)], Rules(VIN, TripRule("ignition.type", frozenset({"Start"}), 900_000))).trip
    assert trip.start_energies == (EnergyLevel("Fuel", 12.0, 140), EnergyLevel("Electric", 80.0))
    assert trip.end_energies == (EnergyLevel("Fuel", 8.47, 90), EnergyLevel("Electric", 80.0))


def test_consumption_is_the_difference_of_the_vehicle_s_own_counter() -> None:
    messages = [
        at(0, START, energies__Fuel__consumption__total=1000.0),
        *drive(1, 500, START),
        at(501, STOP, energies__Fuel__consumption__total=1090.0),
    ]
    trip = fold([stretch(messages)]).trip
    assert trip.distance_km == pytest.approx(9.98)
    assert trip.consumptions == (EnergyConsumption("Fuel", 90.0, round(90 / 9.98 * 100, 2)),)


def test_a_counter_that_was_heard_half_of_the_way_says_nothing() -> None:
    def counted(first_s: int, last_s: int) -> tuple[EnergyConsumption, ...]:
        said = {first_s: 1000.0, last_s: 1060.0}
        messages = [
            at(
                second,
                START,
                kinetic__speed=72.0,
                **({"energies__Fuel__consumption__total": said[second]} if second in said else {}),
            )
            for second in range(500)
        ]
        return fold([stretch([*messages, at(500, STOP)])]).trip.consumptions

    assert len(counted(60, 440)) == 1
    assert counted(61, 440) == counted(60, 439) == ()


def test_a_counter_that_was_reset_says_nothing() -> None:
    messages = [at(0, START, energies__Fuel__consumption__total=1000.0), *drive(1, 50, START)]
    assert fold([stretch([*messages, at(51, STOP, energies__Fuel__consumption__total=9.0)])]).trip.consumptions == ()
    on_the_way = [at(51, energies__Fuel__consumption__total=9.0), *drive(52, 9, START)]
    again = at(61, STOP, energies__Fuel__consumption__total=1100.0)
    assert fold([stretch([*messages, *on_the_way, again])]).trip.consumptions == ()


def test_positions_are_the_first_and_last_fix_of_the_trip() -> None:
    messages = [
        at(0, here(0), STOP),
        at(1, START),
        at(15, here(15, 2.001), kinetic__speed=30.0),
        at(20, here(20, 2.002), kinetic__speed=0.0),
        at(21, STOP),
        at(22, here(22, 2.003)),
    ]
    trip = fold([stretch(messages)]).trip
    assert (trip.start_position, trip.stop_position) == (here(15, 2.001), here(20, 2.002))


def test_a_trip_first_heard_of_when_moving_is_unstarted() -> None:
    assert fold([stretch([*drive(0, 60, START), at(60, STOP)])]).trip.faults == (Fault("Unstarted"),)


def test_a_trip_that_was_seen_to_start_is_not_unstarted() -> None:
    assert fold([stretch([at(-1, STOP), *drive(0, 60, START), at(60, STOP)])]).trip.faults == ()


def test_seeing_the_ignition_off_before_a_hole_is_not_seeing_the_start() -> None:
    holed = [stretch([at(-121, STOP)]), stretch([*drive(0, 60, START), at(60, STOP)])]
    assert fold(holed).trip.faults == (Fault("Unstarted"),)


def test_a_trip_that_breaks_off_when_moving_is_unfinished() -> None:
    messages = [at(0, STOP), at(1, START), *drive(2, 60, START)]
    assert fold([stretch(messages, until_s=600)]).trip.faults == (Fault("Unfinished"),)
    assert fold([stretch(messages, asleep=True)]).trip.faults == (Fault("Unfinished"),)
    assert fold([stretch(messages)]).trip.faults == ()


def test_two_minutes_without_a_message_are_lacking_data() -> None:
    def with_gap(seconds: float) -> tuple[Fault, ...]:
        return fold([stretch([at(0, STOP), *drive(1, 60, START), at(60 + seconds, STOP)])]).trip.faults

    assert with_gap(120) == ()
    assert with_gap(120.001) == (Fault("DataLacking"),)


def test_the_id_of_a_trip_is_of_its_vehicle_and_start() -> None:
    messages = [*drive(0, 60, START), at(60, STOP)]
    trip = fold([stretch(messages)]).trip
    assert trip.id == fold([stretch(messages[:30])]).trip.id
    assert len(trip.id) == 32
    other = Rules("VF30A5FWTEST00002", TripRule("ignition.type", frozenset({"Start"}), 300_000))
    assert fold([stretch(messages)], other).trip.id != trip.id
    assert fold([stretch([at(-1, START), *messages])]).trip.id != trip.id


def test_a_model_without_a_trip_rule_has_no_trips() -> None:
    assert fold([stretch([*drive(0, 60, START), at(60, STOP)])], Rules(VIN, None)).trips == {}


def test_the_datum_holds_between_being_said_and_being_restated() -> None:
    """Said once a minute: the trip goes on to the last message all the same, and to no later one than it holds."""
    said_once = [at(0, STOP), at(1, START), at(2, kinetic__speed=36.0)]
    said_once += [at(second, kinetic__speed=0.0) for second in range(3, 62)]
    assert fold([stretch(said_once, asleep=True)]).trip.stopped_at_ms == 61_000
    assert fold([stretch([*said_once, at(61.001, kinetic__speed=0.0)], asleep=True)]).trips == {}


def test_a_trip_is_not_announced_on_what_may_not_be_part_of_it() -> None:
    """It moved after the datum had been said last: open it is no record, and ended by silence neither."""
    towed = [at(0, STOP), at(1, START), *[at(second, kinetic__speed=36.0) for second in range(30, 100)]]
    records = fold([stretch(towed[:2]), stretch(towed[2:20]), stretch(towed[20:]), stretch([at(500, STOP)])])
    assert records.trips == {}


def test_the_next_trip_after_one_whose_end_was_not_heard_is_unstarted_when_moving() -> None:
    lost = [at(0, STOP), *drive(1, 60, START), *[at(second, environment__air__temp=9.0) for second in range(61, 400)]]
    first, second = fold([stretch([*lost, *drive(400, 60, START), at(460, STOP)])]).trips.values()
    assert first.stopped_at_ms == 60_000
    assert second.faults == (Fault("Unstarted"),)


def test_an_engine_stop_of_exactly_the_pause_does_not_end_the_trip() -> None:
    stop = [*drive(1, 60, RUNNING), at(61, STOPPED), at(241, RUNNING), *drive(242, 9, RUNNING)]
    assert len(fold([stretch(stop)], ENGINE).trips) == 1


def test_seeing_the_ignition_off_before_a_sleep_is_not_seeing_the_start() -> None:
    slept = [stretch([at(-70, STOP)], asleep=True), stretch([*drive(0, 60, START), at(60, STOP)])]
    assert fold(slept).trip.faults == (Fault("Unstarted"),)
