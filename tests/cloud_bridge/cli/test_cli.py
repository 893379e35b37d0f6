"""The command line: what it does, shows once, lists, and refuses."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from cloud_bridge.access.secrets import Verifier
from cloud_bridge.actions.life import REMOTE_TYPES
from cloud_bridge.cli import main
from cloud_bridge.ingest.ingest import Delivery, Ingest
from cloud_bridge.records.model import Trip
from cloud_bridge.settings import read_settings
from cloud_bridge.storage import Storage
from contract.topics import COMMAND, MANIFEST, UP, WATCH, topic
from tests.cloud_bridge.deriving.test_implausible import odometer
from tests.cloud_bridge.vehicle import (
    EPOCH_MS,
    MANIFEST_BODY,
    MODEL,
    OTHER_VIN,
    PROFILE,
    VIN,
    Boot,
    encode,
    write_profile,
)
from tests.cloud_bridge.watch_lists.test_line import found, says
from tests.conftest import Mosquitto, free_port


class CommandLine:
    def __init__(self, folder: Path, output: pytest.CaptureFixture[str]) -> None:
        self.config = folder / "bridge.toml"
        self._output = output
        write_profile(folder / "vehicles")
        self.config.write_text("[mqtt]\n")

    def __call__(self, *arguments: str, fails: int = 0) -> str:
        """Standard output; of a command that fails, standard error."""
        code = main([*arguments, "--config", str(self.config)])
        output = self._output.readouterr()
        assert code == fails, output.err
        return (output.err if fails else output.out).strip()

    def storage(self) -> Storage:
        return Storage(read_settings(self.config))

    def receive(self, *sequences: int, manifest: bool = True) -> None:
        storage = self.storage()
        batch = [Delivery(topic(VIN, UP), Boot().payload(sequence)) for sequence in sequences]
        if manifest:
            batch.append(Delivery(topic(VIN, MANIFEST), MANIFEST_BODY))
        Ingest(storage.receiving, lambda: EPOCH_MS).commit(batch)
        storage.close()


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(tmp_path, capsys)


@pytest.fixture
def fleet(run: CommandLine) -> str:
    """A fleet with one vehicle."""
    made = run("fleet", "add", "Vans of the north", "--description", "all of them")
    run("vehicle", "add", VIN, "--model", MODEL, "--fleet", made)
    return made


def test_a_fleet_that_was_added_is_listed(run: CommandLine) -> None:
    fleet = run("fleet", "add", "Vans [north]", "--description", "all of them")
    assert json.loads(run("fleet", "list", "--json")) == [
        {"id": fleet, "name": "Vans [north]", "description": "all of them"}
    ]
    assert "Vans [north]" in run("fleet", "list")


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


def test_what_is_older_than_the_settings_say_is_deleted_on_demand(run: CommandLine, fleet: str) -> None:
    assert fleet
    run.receive(0, 1)
    run("rebuild", VIN)
    run.config.write_text('[retention]\nraw = "40000d"\nderived = "40000d"\n')
    assert run("prune") == "nothing is older than it is kept"
    run.config.write_text("")
    pruned = {"uploads": 2, "manifests": 1, "quarantined": 0, "derived": 2, "notifications": 0, "remotes": 0}
    assert json.loads(run("prune", "--json")) == pruned
    run.receive(2)
    assert run("prune").startswith("deleted: 1 uploads")


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


def test_a_client_gets_a_secret_that_works_and_is_not_shown_again(run: CommandLine, fleet: str) -> None:
    made = json.loads(run("client", "add", "--user", "partner", "--fleet", fleet, "--json"))
    storage = run.storage()
    client = storage.reader.client(made["client_id"])
    storage.close()
    assert client is not None
    assert (client.user, client.fleets) == ("partner", (fleet,))
    assert Verifier()(made["secret"], client.secret_hash)
    listed = run("client", "list") + run("client", "list", "--json")
    assert made["client_id"] in listed
    assert made["secret"] not in listed
    assert made["secret"].encode() not in (run.config.parent / "canlift.db").read_bytes()


def test_what_a_client_may_ask_is_given_with_it_and_changed_later(run: CommandLine, fleet: str) -> None:
    def limits(client_id: str) -> tuple[int, int]:
        listed = json.loads(run("client", "list", "--json"))
        return next((one["day"], one["burst"]) for one in listed if one["client_id"] == client_id)

    add = ("client", "add", "--user", "partner", "--fleet", fleet, "--json")
    usual = json.loads(run(*add))["client_id"]
    small = json.loads(run(*add, "--day", "500", "--burst", "2"))["client_id"]
    assert (limits(usual), limits(small)) == ((100_000, 100), (500, 2))
    run("client", "limit", small, "--day", "700")
    assert limits(small) == (700, 2)
    run("client", "limit", small, "--burst", "9", "--day", "1")
    assert (limits(usual), limits(small)) == ((100_000, 100), (1, 9))
    assert {"1", "9"} < set(run("client", "list").split())


def test_a_client_has_vehicles_do_only_what_it_was_given(run: CommandLine, fleet: str) -> None:
    def remotes(client_id: str) -> list[str]:
        listed = json.loads(run("client", "list", "--json"))
        return next(list[str](one["remotes"]) for one in listed if one["client_id"] == client_id)

    add = ("client", "add", "--user", "partner", "--fleet", fleet, "--json")
    reader = json.loads(run(*add))["client_id"]
    doorman = json.loads(run(*add, "--remote", "WakeUp", "--remote", "Doors"))["client_id"]
    assert (remotes(reader), remotes(doorman)) == ([], ["Doors", "WakeUp"])
    assert "may ask for Horn, Doors from now on" in run(
        "client", "remotes", reader, "--remote", "Doors", "--remote", "Horn"
    )
    assert remotes(reader) == ["Horn", "Doors"]
    run("client", "remotes", reader, "--remote", "all")
    assert remotes(reader) == [*REMOTE_TYPES]
    assert "no remote action" in run("client", "remotes", reader, "--none")
    assert (remotes(reader), remotes(doorman)) == ([], ["Doors", "WakeUp"])
    assert "one of the two" in run("client", "remotes", reader, fails=2)
    assert "one of the two" in run("client", "remotes", reader, "--none", "--remote", "Doors", fails=2)
    assert "no client nobody" in run("client", "remotes", "nobody", "--none", fails=1)


def test_a_client_that_was_removed_is_gone(run: CommandLine, fleet: str) -> None:
    shown = run("client", "add", "--user", "partner", "--fleet", fleet)
    client_id = next(line.split()[1] for line in shown.splitlines() if line.startswith("client_id"))
    run("client", "remove", client_id)
    assert json.loads(run("client", "list", "--json")) == []
    assert "no client" in run("client", "remove", client_id, fails=1)


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


def test_the_summary_counts_what_was_quarantined(run: CommandLine, fleet: str) -> None:
    storage = run.storage()
    stranger = "VF3STRANGER000009"
    Ingest(storage.receiving, lambda: EPOCH_MS).commit(
        [Delivery(topic(VIN, UP), b""), Delivery(topic(stranger, UP), b"")]
    )
    storage.close()
    counts = json.loads(run("status", "--json"))
    assert all(key.isalpha() for key in counts)
    assert (counts["fleets"], counts["vehicles"], counts["uploads"]) == (1, 1, 0)
    assert counts["quarantined"]["unregistered"] == 1
    assert sum(counts["quarantined"].values()) == 2
    assert fleet
    assert "quarantined: unregistered" in run("status")


def test_rebuild_gives_the_same_records(run: CommandLine, fleet: str) -> None:
    assert fleet
    run.receive(0, 1, 2)

    def records() -> list[object]:
        storage = run.storage()
        found: list[object] = [storage.reader.status(VIN), storage.reader.records(Trip, VIN, [(0, 1 << 50)])]
        storage.close()
        return found

    before = records()
    assert before[0] is not None
    assert run("rebuild", "--all") == run("rebuild", VIN) == f"{VIN} derived again: nothing changed"
    assert records() == before


def test_rebuild_says_what_a_corrected_profile_changed_of_the_past(run: CommandLine, fleet: str) -> None:
    assert fleet
    run.receive(0, 1, 2)
    run("rebuild", "--all")
    file = run.config.parent / "vehicles" / f"{MODEL}.toml"
    wrong = file.read_text()
    corrected = wrong.replace('{ from = "Odometer.Total" }', '{ expression = "Odometer.Total + 1000" }')
    corrected = corrected.replace('"kinetic.speed" = { from = "Motion.Speed" }\n', "").replace(
        '"Start"]', '"Start", "Stop"]'
    )
    file.write_text(corrected)
    (found,) = json.loads(run("rebuild", VIN, "--json"))
    assert (found["vin"], found["changed"]) == (VIN, True)
    (trip,) = found["records"]
    assert (trip["what"], trip["kind"]) == ("changed", "Trip")
    mileage = trip["fields"]["start_mileage_km"]
    assert mileage["after"] == mileage["before"] + 1000
    assert found["status"].keys() == {"kinetic.speed", "odometer.mileage"}
    assert found["status"]["kinetic.speed"] == {"before": 36.0, "after": None}
    assert found["telemetry"] == {
        "kinetic.speed": {"before": 30, "after": 0},
        "odometer.mileage": {"before": 3, "after": 3},
    }
    file.write_text(wrong)
    shown = run("rebuild", VIN)
    for part in (
        "this is what changed",
        f"Trip {trip['id']} of {trip['startedAt']} changed",
        f"start_mileage_km: {mileage['after']} → {mileage['before']}",
        "status kinetic.speed: absent → 36.0",
        "telemetry kinetic.speed: 0 → 30 messages",
        "telemetry odometer.mileage: 3 messages, with other values or times",
    ):
        assert part in shown
    assert run("rebuild", VIN).endswith("nothing changed")


def test_what_came_since_the_last_time_is_no_difference_of_a_rebuild(run: CommandLine, fleet: str) -> None:
    assert fleet
    run.receive(0)
    run("rebuild", VIN)
    run.receive(1, 2)
    assert run("rebuild", VIN).endswith("nothing changed")


def test_rebuild_restores_records_that_were_damaged(run: CommandLine, fleet: str) -> None:
    assert fleet
    run.receive(0, 1)
    storage = run.storage()
    right = storage.reader.status(VIN)
    with storage.database.write() as connection:
        connection.execute("DELETE FROM status")
        connection.execute("DELETE FROM chunk")
    storage.close()
    run("rebuild", VIN)
    storage = run.storage()
    assert storage.reader.status(VIN) == right
    storage.close()


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["vehicle", "add", "TOOSHORT", "--model", MODEL, "--fleet", "f"], 2, "expected 17 letters"),
        (["vehicle", "add", VIN, "--model", "tset-car", "--fleet", "f"], 1, "did you mean test-car?"),
        (["vehicle", "add", VIN, "--model", "../vehicles/test-car", "--fleet", "f"], 1, "no vehicle profile"),
        (["vehicle", "add", VIN, "--model", MODEL, "--fleet", "nowhere"], 1, "no fleet nowhere"),
        (["client", "add", "--user", "me", "--fleet", "nowhere"], 1, "no fleet nowhere"),
        (["client", "add", "--user", "a:b", "--fleet", "f"], 2, "colon"),
        (["client", "add", "--user", "\udcff", "--fleet", "f"], 2, "expected printable characters, in UTF-8"),
        (["client", "add", "--user", "me", "--fleet", "f", "--day", "0"], 2, "--day 0: expected 1 to"),
        (["client", "limit", "nobody", "--burst", "-1"], 2, "--burst -1: expected 1 to"),
        (["client", "limit", "nobody"], 2, "nothing to change"),
        (["client", "limit", "nobody", "--day", "5"], 1, "no client nobody"),
        (["fleet", "add", "North\nSouth"], 2, "expected printable characters"),
        (["fleet", "add", "North", "--id", "a/b"], 2, "'a/b' cannot stand in an address: expected 1 to 128 letters"),
        (["fleet", "add", "North", "--id", ".."], 2, "'..' cannot stand in an address"),
        (["fleet", "add", "North", "--id", ""], 2, "'' cannot stand in an address"),
        (["rebuild"], 2, "one of the two"),
        (["rebuild", VIN, "--all"], 2, "one of the two"),
        (["rebuild", "VF3STRANGER000009"], 1, "not registered: VF3STRANGER000009"),
        (["fleet", "list", "--database", "/nowhere/at/all.db"], 1, "does not exist"),
    ],
)
def test_what_cannot_be_is_refused_with_what_was_expected(
    run: CommandLine, arguments: list[str], code: int, complaint: str
) -> None:
    assert complaint in run(*arguments, fails=code)


def test_a_wrong_configuration_stops_every_command(run: CommandLine) -> None:
    run.config.write_text('[databse]\npath = "x"\n')
    assert "bridge.toml:1: databse: unknown key; did you mean database?" in run("fleet", "list", fails=1)


@pytest.mark.usefixtures("fleet")
def test_a_file_that_is_not_there_is_named_without_the_systems_number(run: CommandLine) -> None:
    run("ca", "init")
    told = run("vehicle", "enroll", VIN, "--request", "absent.csr", fails=1)
    assert told == "canlift-bridge: absent.csr: No such file or directory"


def test_another_database_may_be_named(run: CommandLine, tmp_path: Path) -> None:
    run("fleet", "add", "Elsewhere", "--database", str(tmp_path / "other.db"))
    assert json.loads(run("fleet", "list", "--json")) == []


def test_an_address_that_is_taken_is_named(run: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        run.config.write_text(f"[api]\nport = {taken.getsockname()[1]}\n")
        assert f"cannot listen on 127.0.0.1:{taken.getsockname()[1]}" in run("serve", fails=1)


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
