from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import conversion
from contract.catalog import DATA, Datum
from contract.conversion import AbsentError
from contract.manifest import Signal

MILEAGE, SPEED, AIR = DATA["odometer.mileage"], DATA["kinetic.speed"], DATA["environment.air.temp"]
LEVEL, AUTONOMY, IGNITION = DATA["energies.Fuel.level"], DATA["energies.Fuel.autonomy"], DATA["ignition.type"]
MOVING = DATA["kinetic.moving"]


def signal(unit: str, scale: float = 1, offset: float = 0, choices: dict[int, str] | None = None) -> Signal:
    return Signal("Message.Signal", scale, offset, unit, choices or {})


@pytest.mark.parametrize(
    ("datum", "source", "raw", "published"),
    [
        (MILEAGE, signal("km", 0.1), 676_602, 67660.2),
        (MILEAGE, signal("m", 10), 6_766_021, 67660.21),
        (MILEAGE, signal("miles", 0.1), 1000, 160.93),
        (SPEED, signal("km/h", 0.01), 8782, 87.82),
        (SPEED, signal("m/s", 0.01), 1000, 36.0),
        (SPEED, signal("mph"), 60, 96.6),
        (LEVEL, signal("%", 100 / 255), 140, 54.9),
        (LEVEL, signal("%", 0.5, -10), 23, 1.5),
        (LEVEL, signal("%", 0.0001), 891_029, 89.1),
        (AIR, signal("degC", 0.5, -40), 113, 16.5),
        (AIR, signal("K", 0.03125), 9285, 17.00625),
        (AUTONOMY, signal("km"), 1020, 1020),
        (AUTONOMY, signal("m", 100), 3456, 346),
        (DATA["position.longitude"], signal("deg", 1e-7), 102_345_678, 10.2345678),
        (DATA["position.heading"], signal("deg", 0.1), 3599, 360),
        (DATA["energies.Electric.charging.remainingTime"], signal("min"), 155, 9300),
    ],
)
def test_a_raw_value_is_published_in_the_published_unit_and_the_signal_s_precision(
    datum: Datum, source: Signal, raw: int, published: float
) -> None:
    value = conversion.number(datum, source)(raw)
    assert value == published
    assert type(value) is type(published)


@given(
    st.sampled_from([0.1, 0.01, 0.5, 0.125, 0.03125, 1, 100 / 255, 1e-7, 2.5, 0.000244140625]),
    st.sampled_from([0.0, -40, 0.25, -273.15]),
    st.integers(-(2**31), 2**31),
)
def test_rounding_never_makes_two_raw_values_one_and_moves_none_by_half_a_step(
    scale: float, offset: float, raw: int
) -> None:
    places = conversion.decimals(scale, offset)
    value, following = round(raw * scale + offset, places), round((raw + 1) * scale + offset, places)
    assert value < following
    assert abs(value - (raw * scale + offset)) < scale / 2


@pytest.mark.parametrize(("raw", "published"), [(-1, None), (0, 0.0), (200, 100.0), (201, None)])
def test_a_value_outside_the_published_limits_is_left_out(raw: int, published: float | None) -> None:
    assert conversion.number(LEVEL, signal("%", 0.5))(raw) == published


def test_there_is_no_negative_zero() -> None:
    assert str(conversion.number(AIR, signal("°C", -0.001))(0)) == "0.0"


def test_a_value_with_a_name_is_not_a_number() -> None:
    convert = conversion.number(AIR, signal("degC", choices={255: "Not available"}))
    assert convert(255) is None
    assert convert(25) == 25.0


@pytest.mark.parametrize("unit", ["km/h", "", "furlong"])
def test_a_unit_that_does_not_become_the_published_one_makes_the_datum_absent(unit: str) -> None:
    with pytest.raises(AbsentError, match=r"Message\.Signal"):
        conversion.number(MILEAGE, signal(unit))


@pytest.mark.parametrize("scale", [1e308, -1e308, 1e-320, 0.0])
def test_no_scale_that_a_manifest_may_give_makes_anything_but_a_number_or_nothing(scale: float) -> None:
    for datum in (MILEAGE, AUTONOMY):
        value = conversion.number(datum, signal("km", scale))(2**64)
        assert value is None or 0 <= float(value) <= 1e15


STATES = {0: "Off", 1: "Contact", 2: "Cranking", 3: "Running"}
TABLE: dict[str, str | bool] = {"Off": "Stop", "Cranking": "StartUp", "Running": "Start"}


@pytest.mark.parametrize(("raw", "published"), [(0, "Stop"), (1, None), (2, "StartUp"), (3, "Start"), (4, None)])
def test_a_name_is_published_by_the_table_or_not_at_all(raw: int, published: str | None) -> None:
    assert conversion.from_table(IGNITION, signal("", choices=STATES), TABLE)(raw) == published


def test_a_value_without_a_name_may_be_in_the_table_as_a_number() -> None:
    convert = conversion.from_table(IGNITION, signal(""), {"0": "Stop", "1": "Start"})
    assert [convert(raw) for raw in (0, 1, 2)] == ["Stop", "Start", None]


def test_without_a_table_the_names_are_the_published_ones() -> None:
    convert = conversion.from_table(DATA["safety.belt.Driver"], signal("", choices={0: "Normal", 1: "Omission"}), {})
    assert [convert(raw) for raw in (0, 1, 2)] == ["Normal", "Omission", None]


def test_names_of_which_none_is_published_make_the_datum_absent() -> None:
    with pytest.raises(AbsentError, match="is a published one"):
        conversion.from_table(IGNITION, signal("", choices=STATES), {})


def test_a_truth_value_is_zero_or_one_or_what_the_table_says() -> None:
    plain = conversion.from_table(MOVING, signal(""), {})
    assert [plain(raw) for raw in (0, 1, 2)] == [False, True, None]
    named = conversion.from_table(MOVING, signal("", choices={0: "Yes", 1: "No"}), {"Yes": True, "No": False})
    assert [named(raw) for raw in (0, 1, 2)] == [True, False, None]
    assert all(isinstance(plain(raw), bool) for raw in (0, 1))


def test_a_lamp_is_on_in_its_states_and_off_in_any_other() -> None:
    by_name = conversion.lamp(signal("", choices={1: "Alert", 3: "Invalid"}), ["Alert"])
    assert [by_name(raw) for raw in range(4)] == [False, True, False, False]
    by_number = conversion.lamp(signal(""), [2, 3])
    assert [by_number(raw) for raw in range(4)] == [False, False, True, True]


@pytest.mark.parametrize(
    ("result", "published"), [(1234.56789, 1234.568), (3, 3.0), (-1.0, None), ("text", None), (float("inf"), None)]
)
def test_a_computed_number_is_rounded_and_held_to_the_limits(result: float | str, published: float | None) -> None:
    value = conversion.computed(MILEAGE, {})(result)
    assert value == published
    assert value is None or isinstance(value, float)


def test_a_computed_number_has_no_more_decimals_than_are_published() -> None:
    assert conversion.computed(LEVEL, {})(49.96) == 50.0


def test_a_computed_name_is_a_published_one_or_in_the_table() -> None:
    assert conversion.computed(IGNITION, {})("Start") == "Start"
    assert conversion.computed(IGNITION, {})("Running") is None
    assert conversion.computed(IGNITION, {"true": "Start", "2": "StartUp"})(True) == "Start"
    assert conversion.computed(IGNITION, {"true": "Start", "2": "StartUp"})(2.0) == "StartUp"
