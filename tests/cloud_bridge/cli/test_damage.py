"""What cannot be read, and monitors that failed, are shown to who can see to it, for as long as it is so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_bridge.ingest.ingest import Delivery, Ingest
from cloud_bridge.records.model import Trip
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.damage import DamagedError
from cloud_bridge.store.port.monitors import Monitor
from contract.topics import MANIFEST, UP, topic
from tests.cloud_bridge.cli.command_line import CommandLine
from tests.cloud_bridge.vehicle import EPOCH_MS, MANIFEST_BODY, MODEL, OTHER_VIN, PROFILE, VIN, Boot

VINS = (VIN, OTHER_VIN)


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    run = CommandLine(tmp_path, capsys)
    run("fleet", "add", "Vans", "--id", "f1")
    for vin in VINS:
        run("vehicle", "add", vin, "--model", MODEL, "--fleet", "f1")
    return run


@pytest.fixture
def storage(run: CommandLine) -> Iterator[Storage]:
    """Of two vehicles, of which each has sent four uploads of a trip."""
    storage = run.storage()
    ingest = Ingest(storage.receiving, lambda: EPOCH_MS)
    for vin in VINS:
        uploads = [Delivery(topic(vin, UP), Boot(vin=vin).payload(sequence)) for sequence in range(4)]
        ingest.commit([Delivery(topic(vin, MANIFEST), MANIFEST_BODY), *uploads])
    storage.deriver.sweep()
    yield storage
    storage.close()


def damage(storage: Storage, statement: str, *values: object) -> None:
    with storage.database.write() as connection:
        assert connection.execute(statement, values).rowcount


def put_payload(storage: Storage, payload: bytes) -> None:
    damage(storage, "UPDATE upload SET payload = ? WHERE vin = ? AND sequence = 2", payload, VIN)


def trips(storage: Storage) -> list[int]:
    return [len(storage.reader.records(Trip, vin, [(0, 1 << 50)])) for vin in VINS]


def status(run: CommandLine) -> dict[str, int]:
    found: dict[str, int] = json.loads(run("status", "--json"))
    return found


def test_what_a_rebuild_cannot_read_is_counted_and_all_else_is_rebuilt(run: CommandLine, storage: Storage) -> None:
    put_payload(storage, b"?")
    damage(storage, "DELETE FROM record")
    said = run("rebuild", "--all", fails=1)
    assert said.endswith("canlift-bridge: of 1 of 2 vehicles could not be read: 1 uploads")
    assert trips(storage) == [1, 1]
    put_payload(storage, Boot().payload(2))
    assert run("rebuild", VIN).startswith(f"{VIN} derived again: this is what changed")


def test_it_is_shown_for_each_vehicle_until_a_rebuild_can_read_it(run: CommandLine, storage: Storage) -> None:
    put_payload(storage, b"?")
    for _ in range(2):
        run("rebuild", VIN, fails=1)
        assert (status(run)["vehiclesNotAllRead"], status(run)["vehiclesSetAside"]) == (1, 0)
        listed = {one["vin"]: one["unreadable"] for one in json.loads(run("vehicle", "list", "--json"))}
        assert listed[VIN] == {"uploads": 1, "telemetry": 0, "states": 0}
        assert not any(listed[OTHER_VIN].values())
        assert "1 uploads not readable" in run("vehicle", "list")
    put_payload(storage, Boot().payload(2))
    run("rebuild", "--all")
    assert status(run)["vehiclesNotAllRead"] == 0


def test_the_machine_is_told_the_same_of_each(run: CommandLine, storage: Storage) -> None:
    put_payload(storage, b"?")
    damage(storage, "UPDATE chunk SET body = x'00' WHERE vin = ?", VIN)
    run("rebuild", VIN, fails=1)
    run("rebuild", "--json", "--all", fails=1)
    put_payload(storage, Boot().payload(2))
    damage(storage, "UPDATE chunk SET body = x'00' WHERE vin = ?", VIN)
    mine, other = json.loads(run("rebuild", "--json", "--all"))
    assert (mine["vin"], mine["changed"], mine["unreadable"]["uploads"]) == (VIN, None, 0)
    assert (other["vin"], other["changed"]) == (OTHER_VIN, False)


def test_a_vehicle_without_a_profile_keeps_no_other_from_being_rebuilt(run: CommandLine, storage: Storage) -> None:
    profile = run.config.parent / "vehicles" / "other-car.toml"
    profile.write_text(PROFILE.replace(MODEL, "other-car"))
    run("vehicle", "add", "VF3TESTCAR0000000", "--model", "other-car", "--fleet", "f1")
    profile.unlink()
    damage(storage, "DELETE FROM record")
    assert "VF3TESTCAR0000000 is not derived: " in run("rebuild", "--all", fails=1)
    assert trips(storage) == [1, 1]


def test_a_vehicle_that_is_set_aside_is_shown_until_it_is_rebuilt(run: CommandLine, storage: Storage) -> None:
    damage(storage, "UPDATE status SET body = x'00' WHERE vin = ?", VIN)
    with pytest.raises(DamagedError):
        storage.reader.status(VIN)
    assert status(run)["vehiclesSetAside"] == 1
    assert re.search("vehicles set aside for damage +1", run("status"))
    assert "set aside since 20" in run("vehicle", "list")
    assert run("rebuild", VIN) == f"{VIN} derived again: what it was before cannot be read"
    assert status(run)["vehiclesSetAside"] == 0
    assert "set aside" not in run("vehicle", "list")


def test_monitors_that_failed_are_counted(run: CommandLine, storage: Storage) -> None:
    monitor = Monitor("m1", "f1", b"{}", "Running", 1, 1, 1)
    assert storage.monitors.add(monitor, 10)
    assert re.search("monitors that failed +0", run("status"))
    assert storage.monitoring.fail(monitor, EPOCH_MS)
    assert re.search("monitors that failed +1", run("status"))
    assert status(run)["monitorsFailed"] == 1
