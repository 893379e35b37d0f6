"""Every datum of the published catalogue can be mapped by a profile, is a record made of such data, or says why not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from contract.catalog import DATA, Kind
from contract.published import COMBUSTION, CRASH, PUBLISHED, TANK, TRACTION_BATTERY, TRIP, Published

UNITS = {
    "Degree": "deg",
    "day": "day",
    "km": "km",
    "km/h": "km/h",
    "m/s^2": "m/s²",
    "Celsius": "°C",
    "Percentage": "%",
    "Percentage (%)": "%",
    "RPM": "rpm",
    "From 0 L/100Km": "L/100km",
    "cL": "cL",
    "Wh": "Wh",
    "expressed in gained batteryLife per hour -> KM/H": "km/h",
    "Duration (ISO8601)": "s",
    "Regex: P[n]Y[n]M[n]DT[n]H[n]M[n]S": "s",
}
"""The catalogue's spellings, and the unit in which the datum is mapped."""

CORRECTED = {
    "Confort": "Comfort",
    "OverSpeedingByPedalPess": "OverSpeedingByPedalPress",
    "NotSelectedt": "NotSelected",
}
"""Values that the catalogue spells otherwise than the specification, which goes before it."""

TELLS_APART = {
    "Belt passenger identifier", "Door opening identifier", "Engine type", "engine class", "Energy supply type",
    "Energy supply subtype", "Preconditioning program occurence day", "Preconditionning program slot",
    *(f"Lighting {light} {what}" for light in ("Turn", "Fog") for what in ("direction", "position")),
}  # fmt: skip
"""Data that tell the elements of a list apart: words of the keys."""
SUBTYPES = {"Fuel": "FossilEnergy", "Electric": "ElectricEnergy", "Hydrogen": "Hydrogen"}

KINDS = {
    "number": {Kind.NUMBER, Kind.INTEGER},
    "integer": {Kind.INTEGER},
    "boolean": {Kind.BOOLEAN},
    "string": {Kind.ENUM, Kind.DURATION},
}


class Entry(NamedTuple):
    """What the catalogue's file says of a datum."""

    name: str
    type: str
    unit: str
    values: frozenset[str]
    vehicles: frozenset[str]


def entries(file: Path) -> list[Entry]:
    found = []
    for text in re.split(r"^- name:", file.read_text(), flags=re.MULTILINE)[1:]:
        name, _, body = text.partition("\n")
        fields = dict(re.findall(r"^  (type|unit): *\"?(.+?)\"? *$", body, re.MULTILINE))
        listed = re.search(r"^  enum: *\n((?:    - .+\n)+)", body, re.MULTILINE)
        values = re.findall(r"- \"?(\w+)", listed[1]) if listed else []
        vehicles = re.findall(r"(ICE|BEV|PHEV|FCEV): true", body)
        found.append(
            Entry(name.strip(), fields["type"], fields.get("unit", ""), frozenset(values), frozenset(vehicles))
        )
    return found


@pytest.fixture(scope="module")
def catalogue(shared: Path) -> list[tuple[Published, Entry]]:
    return list(zip(PUBLISHED, entries(shared / "reference/openapi/data-catalog.yaml"), strict=True))


def mapped(catalogue: list[tuple[Published, Entry]]) -> list[tuple[Published, Entry]]:
    return [(datum, entry) for datum, entry in catalogue if datum.source == "said" and datum.name not in TELLS_APART]


def keys(datum: Published) -> tuple[str, ...]:
    """The data that it is itself made of: the last group; those before are what it is published with."""
    # Positions of which nothing says their type were measured.
    return ("position.type",) if datum.name == "Position type" else datum.needs[-1]


def test_the_names_are_those_of_the_published_catalogue_in_its_order(catalogue: list[tuple[Published, Entry]]) -> None:
    assert len(catalogue) == 139
    for datum, entry in catalogue:
        assert datum.name == entry.name


def test_every_datum_can_be_mapped_or_is_a_record_of_what_can_be_or_is_known_otherwise(
    catalogue: list[tuple[Published, Entry]],
) -> None:
    for datum, _ in catalogue:
        needed = {key for group in datum.needs for key in group}
        if datum.source in ("said", "record"):
            assert needed, datum.name
            assert needed <= {*DATA, TRIP, CRASH}, datum.name
        assert bool(datum.not_offered) == (datum.source == "not offered"), datum.name
        assert (TRIP in needed) <= (datum.source == "record"), datum.name


def test_only_functions_of_the_api_and_what_no_vehicle_says_are_not_offered(
    catalogue: list[tuple[Published, Entry]],
) -> None:
    never = {datum.name for datum, _ in catalogue if datum.source == "not offered"}
    assert {name for name in never if not name.startswith(("remote ", "Monitor "))} == {"UIN", "vehicle pictures"}


def test_units_are_the_published_ones(catalogue: list[tuple[Published, Entry]]) -> None:
    for datum, entry in mapped(catalogue):
        if "consumption.instant" in keys(datum)[0]:
            assert [DATA[key].unit for key in keys(datum)] == ["L/100km", "kg/100km"]
        elif entry.name == "Charging next delayed time":
            assert DATA[keys(datum)[0]].kind is Kind.DURATION
        elif not entry.name.startswith("Position coordinates"):
            expected = UNITS[entry.unit] if entry.unit else ""
            assert {DATA[key].unit for key in keys(datum)} == {expected}, entry.name


def test_types_are_the_published_ones(catalogue: list[tuple[Published, Entry]]) -> None:
    for datum, entry in mapped(catalogue):
        if entry.type != "array" and entry.name != "Doors lock state":
            assert {DATA[key].kind for key in keys(datum)} <= KINDS[entry.type], entry.name


def test_enums_have_the_published_values(catalogue: list[tuple[Published, Entry]]) -> None:
    for datum, entry in mapped(catalogue):
        published = {CORRECTED.get(value, value) for value in entry.values}
        for key in keys(datum):
            if DATA[key].kind is Kind.ENUM and entry.name == "Preconditioning error state":
                assert published < set(DATA[key].values)  # The specification knows more.
            elif DATA[key].kind is Kind.ENUM:
                assert set(DATA[key].values) == published, entry.name


def test_what_tells_the_elements_of_lists_apart_is_in_the_keys(catalogue: list[tuple[Published, Entry]]) -> None:
    told = {datum.name: (datum, entry) for datum, entry in catalogue if datum.name in TELLS_APART}
    assert told.keys() == TELLS_APART
    for datum, entry in told.values():
        words = {word for key in keys(datum) for word in key.split(".")}
        if entry.name == "Energy supply subtype":
            words = {SUBTYPES[word] for word in words & SUBTYPES.keys()}
        if entry.name == "Preconditionning program slot":
            assert {"1", "2", "3", "4"} <= words
        assert entry.values <= words, entry.name


def test_only_vehicles_that_have_an_engine_or_a_battery_are_expected_to_say_what_is_of_it(
    catalogue: list[tuple[Published, Entry]],
) -> None:
    for datum, entry in catalogue:
        if datum.name == "Fuel instant consumption":
            assert datum.motorizations == TANK  # Hydrogen is consumed too.
        elif datum.motorizations:
            expected = {"ICE", "PHEV"} if datum.motorizations == COMBUSTION else {"BEV", "PHEV", "FCEV"}
            assert datum.motorizations in (COMBUSTION, TRACTION_BATTERY)
            assert entry.vehicles == expected, datum.name
        elif datum.source == "said" and not datum.name.startswith("Alarm"):
            assert entry.vehicles == {"ICE", "BEV", "PHEV", "FCEV"}, datum.name
