"""What a vehicle is to watch for monitors."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cloud_bridge.monitors.data import WATCHED
from cloud_bridge.monitors.expression import parse
from cloud_bridge.monitors.watch import Watch
from cloud_bridge.watch_lists.conditions import conditions, edges, fitting
from contract.catalog import Kind
from contract.profile.profile import Profile, load_profile
from contract.watching import MAXIMUM_CONDITIONS, Condition, Operator, WatchList, encode_list
from tests.cloud_bridge.monitors.bodies import body, checked, data, zone
from tests.conftest import ROOT

PROFILES = ROOT / "config" / "vehicles"
DEMO = load_profile(PROFILES / "demo-car.toml")
ALL = [load_profile(file) for file in sorted(PROFILES.glob("*.toml"))]


def one(*triggers: dict[str, object], condition: str | None = None) -> Watch:
    return checked(body(*triggers, condition=condition))


FAST = Condition(Operator.ABOVE, ("kinetic.speed",), (50.0,), 2.0)


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        (data("a", "vehicle.kinetic.speed", "greaterThan", "50"), [FAST]),
        (
            data("a", "vehicle.energy.fuel.level", "lowerThan", "10"),
            [Condition(Operator.BELOW, ("energies.Fuel.level",), (10.0,), 1.0)],
        ),
        (
            data("a", "vehicle.powertrain.status", "equalsTo", "Running"),
            [Condition(Operator.AMONG, ("powertrain.status",), ("Running",))],
        ),
        (
            data("a", "vehicle.kinetic.moving", "equalsTo", "true"),
            [Condition(Operator.AMONG, ("kinetic.moving",), (1,))],
        ),
        (
            data("a", "vehicle.doorsState.lockedState", "onChange"),
            [Condition(Operator.CHANGED, ("doorsState.locked*",))],
        ),
        (data("a", "vehicle.doorsState.opening", "onChange"), [Condition(Operator.CHANGED, ("doorsState.opening.*",))]),
        (data("a", "vehicle.alert", "onChange"), [Condition(Operator.CHANGED, ("alert.*",))]),
        (
            data("a", "vehicle.alert", "includedIn", "FuelLevelLow", "RiskOfIce"),
            [Condition(Operator.AMONG, ("alert.FuelLevelLow",), (1,))],
        ),
        (
            data("a", "vehicle.safety.beltWarning", "equalsTo", "Omission"),
            [Condition(Operator.AMONG, ("safety.belt.Driver", "safety.belt.Passenger"), ("Omission",))],
        ),
        (
            data("a", "vehicle.autonomy", "lowerThan", "50"),
            [Condition(Operator.BELOW, ("energies.Fuel.autonomy",), (50.0,))],
        ),
        (
            data("a", "vehicle.trip.stop", "onChange"),
            [Condition(Operator.NOT_AMONG, ("ignition.type",), ("StartUp", "Start"))],
        ),
        (data("a", "vehicle.trip.start", "onChange"), []),
        (data("a", "stolen.state", "onChange"), []),
        (data("a", "vehicle.energy.charging.status", "onChange"), []),
        (zone("a"), []),
    ],
)
def test_each_kind_of_trigger_is_said_over_the_data_of_the_profile(
    trigger: dict[str, object], expected: list[Condition]
) -> None:
    assert list(conditions([one(trigger)], DEMO)) == expected


def test_what_a_monitor_negates_is_watched_for_its_end() -> None:
    negated = one(
        data("fast", "vehicle.kinetic.speed", "greaterThan", "50"),
        data("belt", "vehicle.safety.beltWarning", "equalsTo", "Omission"),
        data("low", "vehicle.alert", "equalsTo", "FuelLevelLow"),
        data("running", "vehicle.powertrain.status", "equalsTo", "Running"),
        condition="!(fast | belt) & !low & !!running",
    )
    assert set(conditions([negated], DEMO)) == {
        Condition(Operator.AT_MOST, ("kinetic.speed",), (50.0,), 2.0),
        Condition(Operator.AMONG, ("safety.belt.Driver", "safety.belt.Passenger"), ("Normal",)),
        Condition(Operator.AMONG, ("alert.FuelLevelLow",), (0,)),
        Condition(Operator.AMONG, ("powertrain.status",), ("Running",)),
    }


@given(
    st.recursive(
        st.sampled_from("abc"),
        lambda deeper: st.one_of(
            deeper.map(lambda x: f"!({x})"),
            st.tuples(deeper, st.sampled_from("&|"), deeper).map(lambda x: f"({x[0]}){x[1]}({x[2]})"),
        ),
        max_leaves=8,
    )
)
def test_an_edge_that_is_not_watched_never_makes_a_condition_begin(text: str) -> None:
    condition = parse(text, ("a", "b", "c"))
    watched = edges(condition)
    for world in product((False, True), repeat=3):
        for number in range(3):
            after = tuple(each is not (place == number) for place, each in enumerate(world))
            if condition(after) and not condition(world):
                assert (number, after[number]) in watched


def test_what_several_monitors_wait_for_is_watched_once() -> None:
    fast = one(data("a", "vehicle.kinetic.speed", "greaterThan", "50"))
    other = one(data("b", "vehicle.kinetic.speed", "greaterThan", "50"), zone("home"))
    assert conditions([fast, other], DEMO) == (FAST,)


def test_the_autonomy_of_a_vehicle_of_two_energies_is_not_pushed() -> None:
    electric = {"energies.Electric.autonomy": DEMO.data["energies.Fuel.autonomy"]}
    hybrid = replace(DEMO, data={**DEMO.data, **electric})
    assert conditions([one(data("a", "vehicle.autonomy", "lowerThan", "50"))], hybrid) == ()


def test_the_end_of_a_trip_that_may_go_on_after_a_pause_is_not_pushed() -> None:
    truck = load_profile(PROFILES / "j1939-truck.toml")
    assert truck.trip is not None
    assert truck.trip.pause
    assert conditions([one(data("a", "vehicle.trip.stop", "onChange"))], truck) == ()


@pytest.mark.parametrize("profile", ALL, ids=lambda profile: profile.model)
def test_whatever_a_monitor_may_watch_makes_a_list_that_can_be_written(profile: Profile) -> None:
    watches = []
    for watched in WATCHED.values():
        for operator in watched.operators:
            known = watched.values or (("true",) if watched.kind is Kind.BOOLEAN else ("5",))
            values = {"onChange": (), "includedIn": known[:-1]}.get(operator, known[:1])
            watches.append(one(data("a", watched.name, operator, *values)))
    fits = fitting(conditions(watches, profile))
    assert len(encode_list(WatchList(1 << 42, fits))) <= 4096


def test_of_more_than_a_list_has_room_for_the_first_stay() -> None:
    many = tuple(Condition(Operator.ABOVE, ("kinetic.speed",), (float(limit),), 2.0) for limit in range(500))
    large = Condition(Operator.AMONG, tuple(f"alert.{number:050}" for number in range(100)), (1,))
    fits = fitting((large, *many))
    assert fits == many[: len(fits)]
    assert 50 < len(fits) <= MAXIMUM_CONDITIONS
