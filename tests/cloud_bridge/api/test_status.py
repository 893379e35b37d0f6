from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from cloud_bridge.api.programs import TOGETHER
from cloud_bridge.api.rendering import PLACES
from cloud_bridge.records.model import Known, Status, Value
from contract.catalog import DATA, DAYS, LOCKED_STATES, ONLY_IN_RECORDS, Datum, Kind
from tests.cloud_bridge.api.world import CAR, FLEET, MINUTE, MORNING, ROOT, SILENT, VAN, VEHICLE_PATH, Api, ms, position

STATUS = f"{VEHICLE_PATH}/status"
NOT_IN_STATUS = ("position.", "alert.", "collision.", "maintenance.", "alarm.trigger.")


def any_value(datum: Datum) -> Value:
    if datum.kind is Kind.ENUM:
        return datum.values[-1]
    return {Kind.BOOLEAN: True, Kind.INTEGER: 42, Kind.NUMBER: 42.5, Kind.DURATION: 9300}[datum.kind]


def published_text(key: str, value: Value) -> str:
    if DATA[key].kind is Kind.DURATION:
        return "PT2H35M"
    if ".occurence." in key:
        return key.rpartition(".")[2]
    return str(LOCKED_STATES[key][0] if key in LOCKED_STATES else value)


def leaves(node: Any) -> set[str]:
    """Every value in a document, as text."""
    if isinstance(node, dict | list):
        inner = node.values() if isinstance(node, dict) else node
        return {leaf for value in inner for leaf in leaves(value)}
    return {str(node)}


def put(api: Api, values: dict[str, Value], at_ms: int = MORNING) -> None:
    api.reader.statuses_of[VAN.vin] = Status({key: Known(value, at_ms) for key, value in values.items()}, None, at_ms)


def test_every_datum_of_the_catalog_has_a_published_place_in_the_status(api: Api) -> None:
    expected = {key for key in DATA if not key.startswith(NOT_IN_STATUS)} - ONLY_IN_RECORDS
    assert PLACES.keys() == expected
    leaves_without_data = leaves(api.get(STATUS, vehicle=CAR.id)) - {"0.0"}
    for key in sorted(expected):
        # Of some parts of the lock only the open state is published.
        value = False if key in LOCKED_STATES else any_value(DATA[key])
        condition: dict[str, Value] = {other: any_value(DATA[other]) for other in TOGETHER.get(key, ())}
        if key == "wipingBlades.speed":
            condition["wipingBlades.active"] = True
        put(api, condition | {key: value})
        body = api.get(STATUS)
        assert leaves(body) - leaves_without_data >= {published_text(key, value)}


def test_all_data_at_once_are_as_published(api: Api) -> None:
    put(api, {key: any_value(DATA[key]) for key in PLACES})
    body = api.get(STATUS)
    energies = [(energy["type"], energy["subType"]) for energy in body["energies"]]
    assert energies == [("Fuel", "FossilEnergy"), ("Electric", "ElectricEnergy"), ("Fuel", "Hydrogen")]
    assert [engine["type"] for engine in body["engines"]] == ["Thermic", "Electric"]
    assert len(body["doorsState"]["opening"]) == 7
    assert body["doorsState"]["lockedStates"] == ["TrunkUnLocked", "TrunkLocked", "CargoDoorsLocked", "RearDoorsLocked"]
    assert len(body["lightingSystem"]["turn"]) == len(body["lightingSystem"]["fog"]) == 4
    assert body["energies"][1]["extension"]["electric"]["charging"]["remainingTime"] == "PT2H35M"


AIR = "preconditioning.airConditioning.programs.2"
WORKDAYS: dict[str, Value] = {f"{AIR}.occurence.{day}": day not in ("Sat", "Sun") for day in DAYS}
CONDITIONED: dict[str, Value] = {
    f"{AIR}.enabled": True,
    f"{AIR}.recurrence": "Daily",
    f"{AIR}.start": 26_100,
    **WORKDAYS,
}


def test_a_program_of_preconditioning_is_published_whole(api: Api) -> None:
    put(api, CONDITIONED)
    (program,) = api.get(STATUS)["preconditioning"]["airConditioning"]["programs"]
    assert program == {
        "slot": 2,
        "enabled": True,
        "recurrence": "Daily",
        "start": "PT7H15M",
        "occurence": {"day": ["Mon", "Tue", "Wed", "Thu", "Fri"]},
    }


@pytest.mark.parametrize("missing", sorted(CONDITIONED))
def test_a_program_of_preconditioning_of_which_a_part_is_not_known_is_absent(api: Api, missing: str) -> None:
    known = {key: value for key, value in CONDITIONED.items() if key != missing}
    put(api, {"preconditioning.airConditioning.status": "Enabled", **known})
    assert api.get(STATUS)["preconditioning"]["airConditioning"].keys() == {"createdAt", "status"}


def test_a_program_of_preconditioning_of_which_a_part_is_old_is_absent_and_says_nothing_of_the_blocks_time(
    api: Api,
) -> None:
    known = {key: Known(value, MORNING + 20 * MINUTE) for key, value in CONDITIONED.items()}
    known[f"{AIR}.start"] = Known(26_100, MORNING)
    known["preconditioning.airConditioning.status"] = Known("Enabled", MORNING + 20 * MINUTE)
    api.reader.statuses_of[VAN.vin] = Status(known, None, MORNING + 20 * MINUTE)
    assert "programs" not in api.get(STATUS)["preconditioning"]["airConditioning"]
    without = {key: value for key, value in known.items() if key != f"{AIR}.start"}
    without["preconditioning.airConditioning.status"] = Known("Enabled", MORNING)
    api.reader.statuses_of[VAN.vin] = Status(without, None, MORNING + 20 * MINUTE)
    air = api.get(STATUS)["preconditioning"]["airConditioning"]
    assert air == {"status": "Enabled", "createdAt": "2024-03-05T07:00:00Z"}


def test_a_program_that_runs_on_no_day_says_so(api: Api) -> None:
    put(api, CONDITIONED | dict.fromkeys(WORKDAYS, False))
    (program,) = api.get(STATUS)["preconditioning"]["airConditioning"]["programs"]
    assert program["occurence"] == {"day": []}


def test_a_program_of_charging_needs_its_start_and_shows_days_only_when_all_are_known(api: Api) -> None:
    charge = "energies.Electric.charging.schedule.programs"
    days = {f"{charge}.1.occurence.{day}": day == "Sun" for day in DAYS}
    put(api, {f"{charge}.1.start": 79_200, f"{charge}.1.end": 21_600, f"{charge}.1.chargeUntilFull": True, **days})

    def programs() -> Any:
        (energy,) = api.get(STATUS)["energies"]
        return energy["extension"]["electric"]["charging"]["schedule"]["programs"]

    whole = {"slot": 1, "start": "PT22H", "end": "PT6H", "chargeUntilFull": True}
    assert programs() == [{**whole, "occurence": {"day": ["Sun"]}}]
    put(
        api,
        {
            f"{charge}.1.start": 79_200,
            f"{charge}.4.start": 0,
            f"{charge}.4.enabled": False,
            **dict(list(days.items())[1:]),
        },
    )
    assert programs() == [{"slot": 1, "start": "PT22H"}, {"slot": 4, "start": "PT0S", "enabled": False}]
    put(api, {f"{charge}.1.enabled": True, "energies.Electric.level": 50})
    assert "extension" not in api.get(STATUS)["energies"][0]


def test_links_lead_to_the_vehicle_and_its_fleet(api: Api) -> None:
    links = api.get(STATUS)["_links"]
    assert links == {
        "self": {"href": f"{ROOT}/fleets/{FLEET}/vehicles/{VAN.id}/status"},
        "vehicle": {"href": f"{ROOT}/fleets/{FLEET}/vehicles/{VAN.id}"},
        "fleet": {"href": f"{ROOT}/fleets/{FLEET}"},
    }
    api.follow(STATUS, links["self"]["href"])


def test_a_block_is_as_new_as_its_newest_member_and_so_is_the_document(api: Api) -> None:
    body = api.get(STATUS)
    assert body["kinetic"] == {"speed": 39.0, "moving": True, "createdAt": "2024-03-05T08:59:00Z"}
    assert body["odometer"] == {"mileage": 12978.9, "createdAt": "2024-03-05T08:50:00Z"}
    assert body["createdAt"] == body["updatedAt"] == "2024-03-05T08:59:00Z"


def test_what_is_laid_out_depends_on_nothing_that_was_before(api: Api) -> None:
    """The same data in another order, at other times and with other values, and others in between."""
    put(api, {"wipingBlades.active": True, "wipingBlades.speed": "High", "kinetic.speed": 1.0})
    wiping = api.get(STATUS)
    put(api, {"kinetic.speed": 1.0, "wipingBlades.active": False, "wipingBlades.speed": "High"}, MORNING + MINUTE)
    still = api.get(STATUS)
    put(api, {"wipingBlades.speed": "High", "kinetic.speed": 1.0, "wipingBlades.active": True})
    assert api.get(STATUS) == wiping
    assert wiping["wipingBlades"] == {"active": True, "speed": "High", "createdAt": "2024-03-05T07:00:00Z"}
    assert still["wipingBlades"] == {"active": False, "createdAt": "2024-03-05T07:01:00Z"}


def test_a_block_leaves_out_what_was_last_said_long_before_the_rest(api: Api) -> None:
    api.reader.statuses_of[VAN.vin] = Status(
        {
            "doorsState.opening.Driver": Known("Open", MORNING + 10 * MINUTE),
            "doorsState.opening.Passenger": Known("Closed", MORNING + 1),
            "doorsState.opening.Trunk": Known("Open", MORNING),
        },
        None,
        MORNING + 10 * MINUTE,
    )
    doors = api.get(STATUS)["doorsState"]
    assert doors["createdAt"] == "2024-03-05T07:10:00Z"
    shown = {one["identifier"]: one["state"] for one in doors["opening"]}
    assert shown == {"Driver": "Open", "Passenger": "Closed"}


def test_blocks_in_blocks_say_their_own_age_and_their_parent_the_newest(api: Api) -> None:
    electric = "energies.Electric"
    api.reader.statuses_of[VAN.vin] = Status(
        {
            f"{electric}.level": Known(61.5, MORNING + 3 * MINUTE),
            f"{electric}.battery.load.capacity": Known(46_000, MORNING + 2 * MINUTE),
            f"{electric}.battery.load.residual": Known(28_300, MORNING + MINUTE),
            f"{electric}.battery.health.capacity": Known(97, MORNING + 2 * MINUTE),
        },
        None,
        MORNING + 3 * MINUTE,
    )
    (energy,) = api.get(STATUS)["energies"]
    battery = energy["extension"]["electric"]["battery"]
    assert battery["load"] == {"capacity": 46_000, "residual": 28_300, "createdAt": "2024-03-05T07:02:00Z"}
    assert battery["health"] == {"capacity": 97, "createdAt": "2024-03-05T07:02:00Z"}
    assert energy["createdAt"] == "2024-03-05T07:03:00Z"
    assert (energy["subType"], energy["level"]) == ("ElectricEnergy", 61.5)


def test_what_is_not_known_is_absent_and_never_null(api: Api) -> None:
    body = api.get(STATUS, vehicle=CAR.id)
    assert set(body) == {"_links", "vin", "createdAt", "updatedAt", "kinetic"}
    assert body["kinetic"] == {"speed": 0.0, "createdAt": "2024-03-05T07:00:00Z"}


def test_the_status_shows_the_latest_trigger_of_the_alarm_with_its_start_and_place(api: Api) -> None:
    trigger = api.get(STATUS)["alarm"]["trigger"]
    assert trigger.pop("position")["geometry"]["type"] == "Point"
    assert trigger == {
        "createdAt": "2024-03-05T08:06:00Z", "startAt": "2024-03-05T08:06:00Z", "type": "VolumetricBreakIn",
    }  # fmt: skip


def test_a_vehicle_that_never_spoke_has_no_status(api: Api) -> None:
    response = api.request(STATUS, vehicle=SILENT.id)
    assert (response.status_code, response.json()["code"]) == (404, 40400)


def test_wiper_speed_is_published_only_while_they_wipe(api: Api) -> None:
    put(api, {"wipingBlades.active": False, "wipingBlades.speed": "Low"})
    assert "speed" not in api.get(STATUS)["wipingBlades"]
    put(api, {"wipingBlades.active": True, "wipingBlades.speed": "Low"})
    assert api.get(STATUS)["wipingBlades"]["speed"] == "Low"
    put(api, {"wipingBlades.speed": "Low"})
    assert "wipingBlades" not in api.get(STATUS)


def test_a_locked_part_without_a_published_name_says_nothing(api: Api) -> None:
    put(api, {"doorsState.locked.Cabin": True})
    assert "doorsState" not in api.get(STATUS)
    put(api, {"doorsState.locked.Cabin": False, "doorsState.locked": "CabinDoorsUnlocked"})
    assert api.get(STATUS)["doorsState"]["lockedStates"] == ["CabinDoorsUnlocked"]


def test_the_order_in_which_data_came_does_not_show(api: Api) -> None:
    values = {key: any_value(DATA[key]) for key in PLACES}
    put(api, values)
    one = api.request(STATUS).content
    put(api, dict(reversed(values.items())))
    assert api.request(STATUS).content == one


def test_the_last_position_is_in_the_status(api: Api) -> None:
    feature = api.get(STATUS)["lastPosition"]
    assert feature["geometry"] == {"type": "Point", "coordinates": [10 + 118 * 0.0045, 0.0, 62.0]}
    assert feature["properties"] == {
        "type": "Acquire",
        "fixStatus": "3D",
        "heading": 90,
        "signalQuality": 7,
        "createdAt": "2024-03-05T08:58:00Z",
    }


@pytest.mark.parametrize("state", ["Geolocation", "Full"])
def test_the_end_user_profile_follows_the_privacy_of_the_vehicle(
    api: Api, state: Literal["Geolocation", "Full"]
) -> None:
    known = {"privacy.state": Known(state, MORNING + 119 * MINUTE)}
    api.reader.statuses_of[VAN.vin] = Status(known, position(118), MORNING + 119 * MINUTE)
    api.protect(state, 119)
    assert "lastPosition" in api.get(STATUS)
    shown = api.request(STATUS, {"profile": "endUser"})
    if state == "Full":
        assert shown.json()["code"] == 40400
    else:
        assert "lastPosition" not in shown.json()
        assert shown.json()["privacy"]["state"] == state


def known_of(document: dict[str, Any]) -> dict[str, Known]:
    """The data of a published sample document, read back by hand for what it has."""
    engine, energy = document["engines"][0], document["energies"][0]
    doors, safety = document["doorsState"], document["safety"]
    found: dict[str, Any] = {
        "ignition.type": document["ignition"]["type"],
        "preconditioning.airConditioning.status": document["preconditioning"]["airConditioning"]["status"],
        "energies.Fuel.level": energy["level"],
        "energies.Fuel.autonomy": energy["autonomy"],
        "energies.Fuel.consumption.total": energy["extension"]["fuel"]["consumptions"]["total"],
        "energies.Fuel.consumption.instant": energy["extension"]["fuel"]["consumptions"]["instant"],
        "engines.Thermic.speed": engine["speed"],
        "engines.Thermic.coolant.temp": engine["extension"]["thermic"]["coolant"]["temp"],
        "engines.Thermic.oil.temp": engine["extension"]["thermic"]["oil"]["temp"],
        "engines.Thermic.oil.level": engine["extension"]["thermic"]["oil"]["level"],
        "engines.Thermic.air.temp": engine["extension"]["thermic"]["air"]["temp"],
        "powertrain.status": document["powertrain"]["status"],
        "doorsState.locked": doors["lockedStates"][0],
        **{f"doorsState.opening.{door['identifier']}": door["state"] for door in doors["opening"]},
        "privacy.state": document["privacy"]["state"],
        "battery.voltage": document["battery"]["voltage"],
        **{f"safety.belt.{belt['id']}": belt["belt"] for belt in safety["beltStatus"]},
        "safety.autoECallTriggering": safety["autoECallTriggering"],
        "odometer.mileage": document["odometer"]["mileage"],
        **{f"kinetic.{name}": document["kinetic"][name] for name in ("speed", "acceleration", "moving")},
        "environment.air.temp": document["environment"]["air"]["temp"],
        "environment.luminosity.day": document["environment"]["luminosity"]["day"],
        "drivingBehavior.mode": document["drivingBehavior"]["mode"],
        "lightingSystem.turn.Front.Left": document["lightingSystem"]["turn"][0]["status"],
        "lightingSystem.fog.Rear.Left": document["lightingSystem"]["fog"][0]["status"],
        "alarm.status.activation": document["alarm"]["status"]["activation"],
        "transmission.gearbox.ratio": document["transmission"]["gearbox"]["ratio"],
        **{f"transmission.gearbox.mode.{key}": on for key, on in document["transmission"]["gearbox"]["mode"].items()},
        **{f"adas.{key}": value for key, value in document["adas"].items()},
    }
    at_ms = ms(document["createdAt"].replace("Z", "+00:00"))
    return {key: Known(value, at_ms) for key, value in found.items()}


def test_a_sample_document_comes_out_as_it_is_written(api: Api, shared: Path) -> None:
    sample = json.loads((shared / "reference" / "examples" / "status-thermic.json").read_text())
    known = known_of(sample)
    at_ms = ms(datetime.fromisoformat(sample["createdAt"]).isoformat())
    api.reader.statuses_of[VAN.vin] = Status(known, None, at_ms)
    api.reader.all_thefts.clear()
    body = api.get(STATUS)
    # Programs are set by remote control, positions are tested by themselves, links name this server.
    del sample["preconditioning"]["airConditioning"]["programs"]
    for name in ("lastPosition", "_links"):
        sample.pop(name, None)
        body.pop(name, None)
    assert body == sample
