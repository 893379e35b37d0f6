"""`canlift-bridge client`: secrets, limits, and what a client may have vehicles do."""

from __future__ import annotations

import json

from cloud_bridge.access.secrets import Verifier
from cloud_bridge.actions.life import REMOTE_TYPES
from tests.cloud_bridge.cli.command_line import CommandLine


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
