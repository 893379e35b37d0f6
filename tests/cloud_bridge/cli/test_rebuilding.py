"""`canlift-bridge rebuild`: the same records, or what came out differently."""

from __future__ import annotations

import json

from cloud_bridge.records.model import Trip
from tests.cloud_bridge.cli.command_line import CommandLine
from tests.cloud_bridge.vehicle import MODEL, VIN


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
