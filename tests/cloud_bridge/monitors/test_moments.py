from __future__ import annotations

from cloud_bridge.monitors.data import Operator
from cloud_bridge.monitors.expression import Truth
from cloud_bridge.monitors.moments import Moment, Told, moments
from cloud_bridge.monitors.triggers import OfData
from cloud_bridge.records.model import Alarm, Collision, Fault, Impact, Known, Record, Trip, Value
from tests.cloud_bridge.monitors.flows import TRIP
from tests.cloud_bridge.records.flows import at

SERVED = frozenset(
    {"energies.Fuel.autonomy", "energies.Electric.autonomy", "safety.belt.Driver", "safety.belt.Passenger"}
)


def happened(*records: Record) -> dict[int, dict[str, tuple[Value, ...]]]:
    return {one.at_ms: one.happened for one in moments({}, Told(0, 100_000, (), records), TRIP)}


def is_true(datum: str, operator: Operator, *values: Value, **known: Value) -> Truth:
    said = {name.replace("__", "."): value for name, value in known.items()}
    return OfData(datum, operator, values).truth(Moment(0, said), SERVED)


def test_a_trip_happens_at_both_its_ends_and_is_judged_at_the_second() -> None:
    trip = Trip("t1", 1000, 62_500, distance_km=1.5, faults=(Fault("DataLacking"), Fault("Unfinished")))
    assert happened(trip) == {
        1000: {"vehicle.trip": ("t1",), "vehicle.trip.start": ("t1",)},
        62_500: {
            "vehicle.trip": ("t1",),
            "vehicle.trip.stop": ("t1",),
            "vehicle.trip.duration": (61,),
            "vehicle.trip.distance": (1.5,),
            "vehicle.trip.state": ("DataLacking", "Unfinished"),
        },
    }


def test_a_trip_that_goes_on_has_not_ended_and_one_without_faults_is_nominal() -> None:
    assert list(happened(Trip("t1", 1000, None))) == [1000]
    assert happened(Trip("t1", 1000, 2000))[2000]["vehicle.trip.state"] == ("Nominal",)
    assert "vehicle.trip.distance" not in happened(Trip("t1", 1000, 2000))[2000]


def test_a_collision_has_all_its_sides_and_one_without_any_is_no_moment() -> None:
    hit = Collision("c1", 5000, impacts=(Impact("Front", "Major"), Impact("Rear")))
    assert happened(hit) == {
        5000: {"vehicle.collision.side": ("Front", "Rear"), "vehicle.collision.severity": ("Major",)}
    }
    assert happened(Collision("c1", 5000)) == {}


def test_a_break_in_happens_again_each_time_and_so_does_that_there_is_none() -> None:
    said = [
        at(1, alarm__trigger__type="RoofBreakIn"),
        at(2, alarm__trigger__type="NoBreakIn"),
        at(3, alarm__trigger__type="NoBreakIn"),
    ]
    records = [Alarm("a1", 1000, trigger="RoofBreakIn"), Alarm("a2", 50_000, trigger="RoofBreakIn")]
    found = [(one.at_ms, one.happened) for one in moments({}, Told(0, 100_000, said, records), TRIP)]
    datum = "vehicle.alarm.trigger.type"
    assert found == [
        (1000, {datum: ("RoofBreakIn",)}),
        (2000, {datum: ("NoBreakIn",)}),
        (3000, {}),
        (50_000, {datum: ("RoofBreakIn",)}),
    ]


def test_a_vehicle_is_stolen_from_when_to_when_its_operator_says() -> None:
    whole = Told(0, 10_000, [at(1, kinetic__speed=1.0)], (), [(3000, 6000)])
    found = [(one.at_ms, one.known["stolen.state"], "stolen.state" in one.changed) for one in moments({}, whole, TRIP)]
    assert found == [(1000, False, False), (3000, True, True), (6000, False, True)]


def test_the_first_that_is_heard_of_a_datum_is_no_change_but_an_alert_that_is_on_came_on() -> None:
    said = [
        at(1, alert__RiskOfIce=True, alert__FuelLevelLow=False, privacy__state="Full"),
        at(2, privacy__state="None"),
    ]
    first, second = [one.changed for one in moments({"kinetic.speed": Known(1.0, 0)}, Told(0, 5000, said), TRIP)]
    assert first == {"alert.RiskOfIce"}
    assert second == {"privacy.state"}


def test_a_vehicle_is_used_while_its_trips_say_so_and_nobody_knows_after_a_silence() -> None:
    said = [
        at(0, kinetic__speed=9.0),
        at(1, ignition__type="Start"),
        at(300, kinetic__speed=9.0),
        at(302, kinetic__speed=9.0),
        at(303, ignition__type="Stop"),
    ]
    assert [one.used for one in moments({}, Told(0, 400_000, said), TRIP)] == [None, True, True, None, False]
    assert [one.used for one in moments({}, Told(0, 400_000, said), None)][:3] == [True, True, True]


def test_what_is_made_of_several_data_is_known_when_all_of_them_are() -> None:
    autonomy, belts = "vehicle.autonomy", "vehicle.safety.beltWarning"
    assert is_true(autonomy, "lowerThan", 100.0, energies__Electric__autonomy=40) is None
    both: dict[str, Value] = {"energies__Electric__autonomy": 40, "energies__Fuel__autonomy": 400}
    assert is_true(autonomy, "greaterThan", 439.0, **both) is True
    assert is_true(belts, "equalsTo", "Omission", safety__belt__Driver="Omission") is True
    assert is_true(belts, "equalsTo", "Normal", safety__belt__Driver="Normal") is None
    assert is_true(belts, "equalsTo", "Normal", safety__belt__Driver="Normal", safety__belt__Passenger="Normal") is True
    assert is_true("vehicle.energy.fuel.level", "lowerThan", 50.0, energies__Hydrogen__level=40.0) is True


def test_one_alert_that_is_on_is_enough_and_all_must_be_known_to_be_off() -> None:
    types = ("RiskOfIce", "FuelLevelLow")
    assert is_true("vehicle.alert", "includedIn", *types, alert__RiskOfIce=True) is True
    assert is_true("vehicle.alert", "includedIn", *types, alert__RiskOfIce=False) is None
    assert is_true("vehicle.alert", "includedIn", *types, alert__RiskOfIce=False, alert__FuelLevelLow=False) is False


def test_a_threshold_is_not_beyond_itself() -> None:
    assert is_true("vehicle.kinetic.speed", "greaterThan", 50.0, kinetic__speed=50.0) is False
    assert is_true("vehicle.kinetic.speed", "lowerThan", 50.0, kinetic__speed=50.0) is False
    assert is_true("vehicle.kinetic.speed", "equalsTo", 50.0, kinetic__speed=50) is True
    assert is_true("vehicle.kinetic.moving", "equalsTo", True, kinetic__moving=False) is False
