"""Units: from what databases write to what is published.

DBC files spell units as their authors liked. `conversion` knows the spellings of each quantity that is published and
gives the factor and offset to the published unit; what it does not know is an error when a profile is compiled, never a
guess when data flow. A mile is the international one, a gallon the US one.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

import msgspec

from contract.configuration import nearest


class UnitError(ValueError):
    """A unit that cannot become another; says which and what is known."""


class Conversion(NamedTuple):
    """`published = value * factor + offset`."""

    factor: float
    offset: float

    def __call__(self, value: float) -> float:
        # Nothing is computed where nothing is to be converted: integers stay integers.
        if self.factor == 1 and self.offset == 0:
            return value
        return value * self.factor + self.offset


UNCHANGED = Conversion(1, 0)


class _Unit(msgspec.Struct, frozen=True):
    quantity: str
    factor: float
    """One of it in the quantity's first unit below."""
    offset: float = 0


_SPELLINGS: tuple[tuple[str, float, float, str], ...] = (
    # quantity, factor and offset to the quantity's reference unit, spellings
    ("speed", 1, 0, "km/h kph kmh kmph km/hr km/hour Unit_KiloMeterPerHour Unit_KilometerPerHour"),
    ("speed", 3.6, 0, "m/s mps Unit_MeterPerSecond"),
    ("speed", 1.609344, 0, "mph mi/h mile/h miles/h"),
    ("speed", 1.852, 0, "kn knot knots kt"),
    ("acceleration", 1, 0, "m/s² m/s^2 m/s2 m/s**2 m/s/s m/sec^2 mps2 Unit_MeterPerSeconSquar"),
    ("acceleration", 9.80665, 0, "g G"),
    ("distance", 1, 0, "km kilometer kilometers Unit_KiloMeter"),
    ("distance", 0.001, 0, "m meter meters metre metres Unit_Meter"),
    ("distance", 0.0001, 0, "dm"),
    ("distance", 0.00001, 0, "cm Unit_Centimeter"),
    ("distance", 0.000001, 0, "mm Unit_MilliMeter"),
    ("distance", 0.1, 0, "hm"),
    ("distance", 1.609344, 0, "mi mile miles"),
    ("distance", 0.0003048, 0, "ft feet"),
    ("temperature", 1, 0, "°C ?C \ufffdC degC deg.C deg_C degreesC celsius C oC Unit_DegreCelsi"),
    ("temperature", 1, -273.15, "K kelvin"),
    ("temperature", 5 / 9, -160 / 9, "°F degF deg_F fahrenheit F"),
    ("share", 1, 0, "% percent pct Unit_PerCent Unit_Percent"),
    ("rotation", 1, 0, "rpm 1/min min-1 min^-1 tr/min r/min U/min rev/min Unit_MinutInver"),
    ("rotation", 60, 0, "1/s rps rev/s"),
    ("volume", 1, 0, "cL"),
    ("volume", 100, 0, "L litre litres liter liters Unit_Liter"),
    ("volume", 0.1, 0, "mL cc cm3 cm^3 Unit_MilliLiter"),
    ("volume", 0.0001, 0, "µL uL mm3 mm^3"),
    ("volume", 378.5411784, 0, "gal gallon gallons"),
    ("consumption", 1, 0, "L/100km"),
    ("hydrogen consumption", 1, 0, "kg/100km"),
    ("energy", 1, 0, "Wh Unit_WattHour"),
    ("energy", 1000, 0, "kWh"),
    ("energy", 1 / 3600, 0, "J joule"),
    ("energy", 1 / 3.6, 0, "kJ"),
    ("time", 1, 0, "s sec secs second seconds Unit_Secon"),
    ("time", 0.001, 0, "ms Unit_MilliSecon"),
    ("time", 60, 0, "min mins minute minutes Unit_Minut"),
    ("time", 3600, 0, "h hr hour hours Unit_Hours"),
    ("days", 1, 0, "day days Unit_Day"),
    ("days", 7, 0, "week weeks"),
    ("angle", 1, 0, "deg ° degree degrees Unit_DegreOfArc"),
    ("angle", 57.29577951308232, 0, "rad"),
)
_UNITS: MappingProxyType[str, _Unit] = MappingProxyType(
    {
        spelling: _Unit(quantity, factor, offset)
        for quantity, factor, offset, spellings in _SPELLINGS
        for spelling in spellings.split()
    }
)
_LOWERED = MappingProxyType({spelling.lower(): unit for spelling, unit in _UNITS.items() if len(spelling) > 1})
_DEGREE_SIGNS = str.maketrans({"º": "°", "˚": "°"})
_NO_UNIT = frozenset({"-", "none", "unit_none", "unit", "tbd"})


def conversion(found: str, published: str, *, of: str = "") -> Conversion:
    """How a value in the unit `found` (a database's spelling) becomes one in the unit `published`.

    A database that gives no unit is taken at its word only where the published datum has none. `of` is the signal, for
    the error. Raises UnitError.
    """
    subject = f"{of}: " if of else ""
    text = _normal(found)
    if text == _normal(published):
        return UNCHANGED
    if not published:
        raise UnitError(f"{subject}the datum has no unit, but the database gives {found!r}")
    target = _find(_normal(published))
    if target is None:
        raise UnitError(f"{subject}{published!r} is not a unit that can be converted to")
    if not text:
        raise UnitError(
            f"{subject}the database gives no unit, {published!r} is published; "
            "give the signal a unit in the database or map the datum by an expression"
        )
    source = _find(text)
    if source is None:
        raise UnitError(
            f"{subject}the database's unit {found!r} is not known{nearest(found, _spellings_of(target.quantity))}; "
            f"map the datum by an expression that results in {published!r}"
        )
    if source.quantity != target.quantity:
        raise UnitError(
            f"{subject}{found!r} is a unit of {source.quantity}, {published!r} of {target.quantity}: "
            "no value of one is a value of the other"
        )
    return Conversion(source.factor / target.factor, (source.offset - target.offset) / target.factor)


def _spellings_of(quantity: str) -> list[str]:
    return [spelling for spelling, unit in _UNITS.items() if unit.quantity == quantity]


def _find(spelling: str) -> _Unit | None:
    """By its exact spelling; else, for words and not for letters (k, K, m, M), whatever the case."""
    return _UNITS.get(spelling) or _LOWERED.get(spelling.lower())


def _normal(unit: str) -> str:
    text = "".join(unit.translate(_DEGREE_SIGNS).split())
    return "" if text.lower() in _NO_UNIT else text
