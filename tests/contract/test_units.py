"""Values arrive in the published unit, or the profile does not compile."""

from __future__ import annotations

import pytest

from contract.catalog import DATA, Kind
from contract.units import UNCHANGED, UnitError, conversion


@pytest.mark.parametrize(
    ("found", "published", "value", "converted"),
    [
        ("m/s", "km/h", 10, 36),
        ("mph", "km/h", 100, 160.9344),
        ("KPH", "km/h", 50, 50),
        ("Unit_KiloMeterPerHour", "km/h", 50, 50),
        ("m", "km", 1234, 1.234),
        ("miles", "km", 10, 16.09344),
        ("F", "°C", 212, 100),
        ("°F", "°C", -40, -40),
        ("K", "°C", 273.15, 0),
        ("celsius", "°C", 21.5, 21.5),
        ("deg C", "°C", 21.5, 21.5),
        ("ºC", "°C", 21.5, 21.5),
        ("1/min", "rpm", 800, 800),
        ("L", "cL", 1.5, 150),
        ("mm^3", "cL", 80_000, 8),
        ("kWh", "Wh", 41.5, 41_500),
        ("min", "s", 95, 5700),
        ("g", "m/s²", -0.5, -4.903325),
        ("m/s^2", "m/s²", -5.1, -5.1),
        ("percent", "%", 55, 55),
        ("rad", "deg", 3.141592653589793, 180),
        ("l/100Km", "L/100km", 5.5, 5.5),
    ],
)
def test_a_value_is_converted_from_the_databases_unit(
    found: str, published: str, value: float, converted: float
) -> None:
    assert conversion(found, published)(value) == pytest.approx(converted, rel=1e-12, abs=1e-9)


def test_an_integer_in_the_published_unit_stays_an_integer() -> None:
    assert isinstance(conversion("km", "km")(1020), int)
    assert conversion("kph", "km/h") == UNCHANGED


@pytest.mark.parametrize(
    ("found", "published", "said"),
    [
        ("furlong/fortnight", "km/h", "'furlong/fortnight' is not known"),
        ("km/h or mph", "km/h", "is not known"),
        ("", "km/h", "gives no unit"),
        ("-", "km/h", "gives no unit"),
        ("Nm", "rpm", "is not known"),
        ("V", "%", "is not known"),
        ("km", "km/h", "is a unit of distance, 'km/h' of speed"),
        ("h", "day", "is a unit of time"),
        ("km", "", "the datum has no unit"),
    ],
)
def test_a_unit_that_does_not_fit_is_an_error_that_names_the_signal(found: str, published: str, said: str) -> None:
    with pytest.raises(UnitError, match=r"^Fuel\.Range: ") as caught:
        conversion(found, published, of="Fuel.Range")
    assert said in str(caught.value)


def test_every_published_unit_can_be_converted_to() -> None:
    numeric = [datum for datum in DATA.values() if datum.kind in (Kind.NUMBER, Kind.INTEGER, Kind.DURATION)]
    for datum in numeric:
        assert conversion(datum.unit, datum.unit) == UNCHANGED
        with pytest.raises(UnitError) as caught:
            conversion("nonsense", datum.unit)
        assert "can be converted to" not in str(caught.value)
