"""The command line: what it does, shows once, lists, and refuses."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from cloud_bridge.ingest.ingest import Delivery, Ingest
from contract.topics import UP, topic
from tests.cloud_bridge.cli.command_line import CommandLine
from tests.cloud_bridge.vehicle import EPOCH_MS, MODEL, VIN


def test_a_fleet_that_was_added_is_listed(run: CommandLine) -> None:
    fleet = run("fleet", "add", "Vans [north]", "--description", "all of them")
    assert json.loads(run("fleet", "list", "--json")) == [
        {"id": fleet, "name": "Vans [north]", "description": "all of them"}
    ]
    assert "Vans [north]" in run("fleet", "list")


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
