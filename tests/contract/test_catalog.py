"""The data are those of the published specification: none missing, none invented, enums to the letter."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from contract.alert_types import ALERT_TYPES
from contract.catalog import DATA, DAYS, LOCKED_STATES, ONLY_IN_RECORDS, SLOTS, TELEMETRY_KINDS, Kind
from contract.units import conversion

Schema = dict[str, Any]

NOT_SAID_BY_VEHICLES = re.compile(
    r"_links|_embedded|createdAt$|updatedAt$|^vin$|^lastPosition"  # the frame of the document
    r"|^service\.|gmpStatus$"  # deprecated
    r"|^stolen\.|^alarm\.trigger\.(position|startAt)"  # derived
    r"|\[\]\.(type|subType|id|identifier|direction|position|slot)$"  # what tells the elements of a list apart
)


@pytest.fixture(scope="module")
def schemas(shared: Path) -> dict[str, Schema]:
    document = json.loads((shared / "reference/openapi/connectedcar-b2b-v3.json").read_text())
    found: dict[str, Schema] = document["components"]["schemas"]
    return found


def merged(schema: Schema, schemas: dict[str, Schema]) -> Schema:
    if "$ref" in schema:
        return merged(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    whole: Schema = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema.get("allOf", ()):
        part = merged(part, schemas)
        properties = whole.get("properties", {}) | part.get("properties", {})
        whole = part | whole | ({"properties": properties} if properties else {})
    return whole


def leaves(schema: Schema, schemas: dict[str, Schema], path: str = "") -> Iterator[tuple[str, Schema, Schema]]:
    """(path, schema, schema of the object around it) of each value."""
    schema = merged(schema, schemas)
    if "properties" in schema:
        for name, inner in schema["properties"].items():
            inner_path = f"{path}.{name}" if path else name
            found = merged(inner, schemas)
            if "properties" in found or "items" in found:
                yield from leaves(inner, schemas, inner_path)
            else:
                yield inner_path, found, schema
    elif "items" in schema:
        items = merged(schema["items"], schemas)
        if "properties" in items:
            yield from leaves(items, schemas, f"{path}[]")
        else:
            yield f"{path}[]", items, schema


def keys_of(path: str, around: Schema) -> list[str]:
    """The keys of a published path: elements of a list by what identifies them."""
    path = path.replace("extension.fuel.consumptions", "consumption").replace("lockedStates[]", "locked")
    path = path.replace("extension.electric.", "").replace("extension.thermic.", "").replace("beltStatus", "belt")
    block, programs, rest = path.partition("programs[].")
    if programs:
        names = [f"occurence.{day}" for day in DAYS] if rest == "occurence.day[]" else [rest]
        block = block.replace("energies[]", "energies.Electric")
        return [f"{block}programs.{slot}.{name}" for slot in SLOTS for name in names]
    if path.endswith("[]") or "[]" not in path:
        return [path.removesuffix("[]")]
    block, _, rest = path.partition("[].")
    if block == "energies":
        own = {"consumption.total": ["Fuel"], "consumption.instant": ["Fuel", "Hydrogen"]}.get(rest)
        everyone = ["Electric"] if rest.startswith(("battery", "charging")) else ["Fuel", "Electric", "Hydrogen"]
        return [f"{block}.{energy}.{rest}" for energy in own or everyone]
    if block == "engines":
        return [
            f"{block}.{engine}.{rest}" for engine in ("Thermic", "Electric") if rest == "speed" or engine == "Thermic"
        ]
    parts = around["properties"]
    names = [parts[name]["enum"] for name in ("position", "direction", "identifier", "id") if name in parts]
    return [f"{block}.{'.'.join(combination)}" for combination in product(*names)]


def check_block(schemas: dict[str, Schema], root: Schema, ignored: re.Pattern[str]) -> set[str]:
    """Every value of a published object is a datum with the same values; returns the keys."""
    seen = set()
    for path, schema, around in leaves(root, schemas):
        if ignored.search(path):
            continue
        for key in keys_of(path, around):
            assert key in DATA, path
            datum = DATA[key]
            seen.add(key)
            if ".occurence." in key:
                assert (datum.kind, schema["enum"]) == (Kind.BOOLEAN, list(DAYS)), key
                continue
            assert datum.values == tuple(schema.get("enum", ())), key
            kind = {"boolean": Kind.BOOLEAN, "integer": Kind.INTEGER, "number": Kind.NUMBER}.get(schema["type"])
            assert datum.kind is (kind or (Kind.ENUM if "enum" in schema else Kind.DURATION)), key
            if kind not in (None, Kind.BOOLEAN):
                assert (datum.minimum, datum.maximum) == (schema.get("minimum"), schema.get("maximum")), key
    return seen


def test_every_datum_of_the_published_status_is_there_with_its_kind_values_and_limits(
    schemas: dict[str, Schema],
) -> None:
    seen = check_block(schemas, schemas["Status"], NOT_SAID_BY_VEHICLES)
    outside = {key for key in DATA if key.startswith(("alert.", "position.", "maintenance.", "collision."))}
    assert set(DATA) - seen - outside == set(LOCKED_STATES) | ONLY_IN_RECORDS


def test_every_datum_of_the_published_telemetry_is_there(schemas: dict[str, Schema]) -> None:
    properties = schemas["Telemetry"]["allOf"][1]["properties"]
    vehicle = properties["vehicle"]
    deprecated = re.compile(NOT_SAID_BY_VEHICLES.pattern + r"|^lighting\.")
    seen = check_block(schemas, vehicle, deprecated)
    for block in ("privacy", "environment"):
        seen |= check_block(schemas, {"properties": {block: properties[block]}}, NOT_SAID_BY_VEHICLES)
    assert seen == {key for key, datum in DATA.items() if datum.telemetry} - set(LOCKED_STATES)


def test_the_telemetry_kinds_are_the_published_ones_and_each_but_the_deprecated_one_has_data(
    schemas: dict[str, Schema],
) -> None:
    assert set(TELEMETRY_KINDS) == set(schemas["TelemetryEnum"]["items"]["enum"])
    assert set(TELEMETRY_KINDS) - {datum.telemetry for datum in DATA.values()} == {"vehicle.lighting"}
    assert DATA["doorsState.opening.Trunk"].telemetry == "vehicle.doorsState"
    assert DATA["alarm.trigger.type"].telemetry == "vehicle.alarm.trigger"
    assert DATA["environment.air.temp"].telemetry == "environment"
    assert DATA["kinetic.speed"].telemetry == DATA["odometer.mileage"].telemetry == "vehicle"
    assert DATA["position.longitude"].telemetry is None


def test_preconditioning_has_the_published_slots(schemas: dict[str, Schema]) -> None:
    slot = merged(schemas["PreconditioningProgram"], schemas)["properties"]["slot"]
    assert list(SLOTS) == list(range(slot["minimum"], slot["maximum"] + 1))


def test_the_alert_types_are_the_104_published_ones_in_their_spelling(schemas: dict[str, Schema]) -> None:
    assert list(ALERT_TYPES) == schemas["AlertMsgEnum"]["enum"]
    assert len(ALERT_TYPES) == 104
    assert {f"alert.{name}" for name in ALERT_TYPES} == {key for key in DATA if key.startswith("alert.")}


def test_collisions_maintenance_and_positions_have_the_published_values(schemas: dict[str, Schema]) -> None:
    details = schemas["CollisionDetails"]["properties"]
    assert DATA["collision.side"].values == tuple(details["side"]["enum"])
    assert DATA["collision.severity"].values == tuple(details["severity"]["enum"])
    position = schemas["Position"]["allOf"][0]["properties"]["properties"]["allOf"][1]["properties"]
    assert DATA["position.fix"].values == tuple(position["fixStatus"]["enum"])
    assert DATA["position.type"].values == tuple(position["type"]["enum"])
    assert (DATA["position.heading"].minimum, DATA["position.heading"].maximum) == (0, 360)
    maintenance = schemas["MaintenanceBase"]["properties"]
    for name in ("daysBeforeMaintenance", "mileageBeforeMaintenance"):
        assert DATA[f"maintenance.{name}"].kind.value == maintenance[name]["type"]


def test_what_moves_the_vehicle_and_what_it_consumes_are_as_trips_publish_them(schemas: dict[str, Schema]) -> None:
    segment = schemas["TripSegment"]["properties"]
    assert DATA["propulsion"].values == tuple(segment["propulsion"]["enum"])
    assert DATA["energies.Electric.consumption.total"].unit == "Wh"


def test_every_part_that_is_locked_or_unlocked_is_a_published_lock_state(schemas: dict[str, Schema]) -> None:
    published = set(schemas["DoorsStateBase"]["properties"]["lockedStates"]["items"]["enum"])
    of_parts = {state for states in LOCKED_STATES.values() for state in states if state}
    assert published - of_parts == {"Unlocked", "Locked", "SuperLocked"}
    assert of_parts <= published


def test_only_numbers_have_units_and_all_of_these_are_known() -> None:
    for datum in DATA.values():
        numeric = datum.kind in (Kind.NUMBER, Kind.INTEGER, Kind.DURATION)
        assert not datum.unit or (numeric and conversion(datum.unit, datum.unit) == (1, 0)), datum.key
        assert bool(datum.values) == (datum.kind is Kind.ENUM), datum.key


@pytest.mark.parametrize(
    ("key", "value", "admitted"),
    [
        ("energies.Fuel.level", 100, True),
        ("energies.Fuel.level", 100.4, False),
        ("energies.Fuel.level", -0.1, False),
        ("energies.Fuel.level", True, False),
        ("energies.Fuel.level", "50", False),
        ("energies.Fuel.autonomy", 86, True),
        ("energies.Fuel.autonomy", 86.0, False),
        ("kinetic.acceleration", -5.1, True),
        ("kinetic.speed", float("nan"), False),
        ("kinetic.speed", float("inf"), False),
        ("kinetic.moving", False, True),
        ("kinetic.moving", 0, False),
        ("ignition.type", "Start", True),
        ("ignition.type", "start", False),
        ("ignition.type", True, False),
    ],
)
def test_a_value_is_admitted_only_as_published(key: str, value: object, admitted: bool) -> None:
    assert DATA[key].admits(value) is admitted
