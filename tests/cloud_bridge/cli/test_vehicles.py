"""`canlift-bridge vehicle`: added, subscribed, stolen, erased, and what is listed of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cloud_bridge.ingest.ingest import Delivery, Ingest
from contract.topics import COMMAND, MANIFEST, UP, WATCH, topic
from tests.cloud_bridge.cli.command_line import CommandLine
from tests.cloud_bridge.deriving.test_implausible import odometer
from tests.cloud_bridge.vehicle import EPOCH_MS, MANIFEST_BODY, MODEL, OTHER_VIN, PROFILE, VIN, Boot, encode
from tests.cloud_bridge.watch_lists.test_line import found, says
from tests.conftest import Mosquitto, free_port


def test_a_vehicle_gets_its_brand_from_the_profile_and_keeps_its_id_when_it_joins_more_fleets(
    run: CommandLine, fleet: str
) -> None:
    other = run("fleet", "add", "South", "--id", "south")
    assert other == "south"
    again = run("vehicle", "add", VIN.lower(), "--model", MODEL, "--fleet", other)
    (vehicle,) = json.loads(run("vehicle", "list", "--json"))
    assert vehicle["id"] == again
    assert len(again) == 40
    assert vehicle["fleets"] == sorted([fleet, other])
    assert vehicle["brand"] == "Canlift"


def test_a_vehicle_that_is_there_cannot_be_added_as_another(run: CommandLine, fleet: str) -> None:
    (run.config.parent / "vehicles" / "other-car.toml").write_text(PROFILE.replace(MODEL, "other-car"))
    south = run("fleet", "add", "South", "--id", "south")
    add = ("vehicle", "add", VIN, "--fleet", south)
    assert "is there already, of the brand 'Canlift' and not 'Lada'" in run(
        *add, "--model", MODEL, "--brand", "Lada", fails=1
    )
    assert "is there already, with the model test-car and not other-car" in run(*add, "--model", "other-car", fails=1)
    (vehicle,) = json.loads(run("vehicle", "list", "--json"))
    assert vehicle["fleets"] == [fleet]


def test_a_vehicle_that_is_erased_is_gone_and_what_was_removed_is_said(
    run: CommandLine, fleet: str, mosquitto: Mosquitto
) -> None:
    run.config.write_text(f"[mqtt]\nport = {mosquitto.port}\n")
    run.receive(0, 1)
    removed = json.loads(run("vehicle", "erase", VIN.lower(), "--json"))
    assert removed["vin"] == VIN
    assert (removed["removed"]["upload"], removed["removed"]["vehicle"]) == (2, 1)
    assert json.loads(run("vehicle", "list", "--json")) == []
    assert VIN.encode() not in (run.config.parent / "canlift.db").read_bytes()
    assert "nothing of vehicle" in run("vehicle", "erase", VIN, fails=1)
    run("vehicle", "add", VIN, "--model", MODEL, "--fleet", fleet)
    run.receive(0)
    shown = run("vehicle", "erase", VIN)
    said = (f"nothing of vehicle {VIN} is left", "  1 uploads\n", "1 memberships of fleets", "refused until", "broker")
    for part in said:
        assert part in shown
    assert "'+' is not a VIN" in run("vehicle", "erase", "+", fails=2)


@pytest.mark.parametrize("protocol", [4, 5])
def test_of_an_erased_vehicle_the_broker_keeps_nothing_and_where_it_is_away_that_is_said(
    run: CommandLine, fleet: str, mosquitto: Mosquitto, protocol: int
) -> None:
    assert fleet
    for vin in (VIN, OTHER_VIN):
        for leaf in (COMMAND, WATCH):
            says(mosquitto.port, vin, b"kept", leaf, retain=True)
    run.config.write_text(f"[mqtt]\nport = {free_port()}\n")
    said = run("vehicle", "erase", VIN, fails=1)
    assert f"may still keep a watch list or a command for {VIN}: it cannot be reached" in said
    assert json.loads(run("vehicle", "list", "--json")) == []
    assert found(mosquitto.port, VIN) == b"kept"
    run.config.write_text(f"[mqtt]\nport = {mosquitto.port}\nprotocol = {protocol}\n")
    assert f"there is nothing of vehicle {VIN}" in run("vehicle", "erase", VIN, fails=1)
    assert [found(mosquitto.port, VIN, leaf) for leaf in (COMMAND, WATCH)] == [b"", b""]
    assert [found(mosquitto.port, OTHER_VIN, leaf) for leaf in (COMMAND, WATCH)] == [b"kept", b"kept"]


def test_a_broker_that_does_not_let_us_take_back_what_it_keeps_is_named(
    run: CommandLine, fleet: str, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    assert fleet
    (tmp_path / "acl").write_text(f"topic {topic(VIN, COMMAND)}\ntopic read #\n")
    mosquitto.kill()
    mosquitto.extra = f"user root\nacl_file {tmp_path / 'acl'}\n"
    mosquitto.start()
    run.config.write_text(f"[mqtt]\nport = {mosquitto.port}\n")
    assert "it does not let us: Not authorized" in run("vehicle", "erase", VIN, fails=1)


def test_what_a_vehicle_is_subscribed_to_is_given_with_it_and_changed_later(run: CommandLine, fleet: str) -> None:
    def services(vin: str) -> list[str]:
        return next(one["services"] for one in json.loads(run("vehicle", "list", "--json")) if one["vin"] == vin)

    run.config.write_text('[services.care]\ndata = ["maintenance"]\n[services.log]\ndata = ["trip"]\n')
    add = ("vehicle", "add", OTHER_VIN, "--model", MODEL, "--fleet", fleet)
    run(*add, "--service", "care", "--service", "log")
    assert (services(VIN), services(OTHER_VIN)) == ([], ["care", "log"])
    run("vehicle", "services", VIN, "log")
    run("vehicle", "services", OTHER_VIN, "--all")
    assert (services(VIN), services(OTHER_VIN)) == (["log"], [])
    assert "no [services.lag] in the settings; did you mean log?" in run("vehicle", "services", VIN, "lag", fails=2)
    assert "one of the two" in run("vehicle", "services", VIN, fails=2)
    assert "no vehicle" in run("vehicle", "services", "VF30A5FWTEST99999", "log", fails=1)
    assert "vehicle services" in run(*add, "--service", "log", fails=1)
    assert services(VIN) == ["log"]


def test_the_list_of_vehicles_says_what_came_what_is_missing_and_what_waits(run: CommandLine, fleet: str) -> None:
    run.receive(0, 1, 4, manifest=False)
    (vehicle,) = json.loads(run("vehicle", "list", "--json"))
    assert vehicle["fleets"] == [fleet]
    assert (vehicle["uploads"], vehicle["missing"], vehicle["waitingForManifest"]) == (3, 2, 3)
    assert vehicle["gaps"] == [{"boot": Boot().id.hex(), "first": 2, "last": 3}]
    assert vehicle["lastUpload"] == "2023-11-14T22:13:20Z"
    shown = run("vehicle", "list")
    for part in (VIN, "2023-11-14T22:13:20Z", "2 (000102…:2-3)", "3 for their manifest"):
        assert part in shown


def test_the_list_of_vehicles_says_what_was_said_and_cannot_be(run: CommandLine, fleet: str) -> None:
    storage = run.storage()
    ingest = Ingest(storage.receiving, lambda: EPOCH_MS)
    uploads = [Boot().payload(0), encode(odometer(Boot().upload(1), 7)), Boot().payload(2, speed_kmh=655.3)]
    ingest.commit([Delivery(topic(VIN, MANIFEST), MANIFEST_BODY), *(Delivery(topic(VIN, UP), one) for one in uploads)])
    storage.deriver.derive(VIN)
    storage.close()
    (vehicle,) = json.loads(run("vehicle", "list", "--json"))
    assert vehicle["fleets"] == [fleet]
    assert vehicle["implausible"] == {"kinetic.speed": {"limits": 10}, "odometer.mileage": {"back": 1}}


@pytest.mark.usefixtures("fleet")
def test_a_vehicle_is_reported_stolen_and_recovered(run: CommandLine) -> None:
    first = run("vehicle", "stolen", VIN, "--since", "2024-03-05T07:42:10+01:00")
    assert run("vehicle", "recovered", VIN.lower(), "--at", "2024-03-05T09:00:00Z") == first
    assert json.loads(run("vehicle", "list", "--json"))[0]["stolenSince"] is None
    second = run("vehicle", "stolen", VIN, "--since", "2024-03-06T00:00:00Z")
    assert json.loads(run("vehicle", "list", "--json"))[0]["stolenSince"] == "2024-03-06T00:00:00Z"
    storage = run.storage()
    found = storage.reader.thefts(VIN)
    storage.close()
    assert [(theft.id, theft.started_at_ms, theft.ended_at_ms) for theft in found[:1]] == [
        (first, 1_709_620_930_000, 1_709_629_200_000)
    ]
    assert (found[1].id, found[1].ended_at_ms) == (second, None)
    assert found[1].started_at_ms < found[1].declared_at_ms == found[1].updated_at_ms


@pytest.mark.usefixtures("fleet")
def test_what_cannot_be_of_a_theft_is_refused_with_the_reason(run: CommandLine) -> None:
    assert "no vehicle WVW" in run("vehicle", "stolen", "WVWN0NE0000000001", fails=1)
    assert "is not reported stolen" in run("vehicle", "recovered", VIN, fails=1)
    told = run("vehicle", "stolen", VIN, "--since", "9999-01-01T00:00:00Z", fails=1)
    assert "the time given, 9999-01-01T00:00:00Z, has not come yet: it is 20" in told
    run("vehicle", "stolen", VIN, "--since", "2024-03-05T07:00:00Z")
    assert "is reported stolen already" in run("vehicle", "stolen", VIN, fails=1)
    assert "stolen only after" in run("vehicle", "recovered", VIN, "--at", "2024-03-05T06:59:59Z", fails=1)
    run("vehicle", "recovered", VIN, "--at", "2024-03-05T08:00:00Z")
    assert "recovered only after" in run("vehicle", "stolen", VIN, "--since", "2024-03-05T07:59:59Z", fails=1)


@pytest.mark.parametrize("time", ["yesterday", "2024-03-05T07:42:10", "2024-03-05"])
def test_a_time_without_its_offset_is_wrong_usage(run: CommandLine, time: str) -> None:
    with pytest.raises(SystemExit) as refused:
        run("vehicle", "stolen", VIN, "--since", time)
    assert refused.value.code == 2
