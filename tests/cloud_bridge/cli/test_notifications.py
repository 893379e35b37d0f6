"""`canlift-bridge notifications` and `webhook secret`: what operators see, and what they can do about it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cloud_bridge.clock import clock_ms
from cloud_bridge.store.port.outbox import Attempted, Trouble
from cloud_bridge.store.port.registry import Fleet
from cloud_bridge.store.sqlite.outbox import put
from tests.cloud_bridge.cli.command_line import CommandLine
from tests.cloud_bridge.notify.waiting import FLEET, event, notification

DEAD, STUCK = notification(1), notification(2, "m2")
BATCHED = notification(3, "m2")


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    run = CommandLine(tmp_path, capsys)
    storage = run.storage()
    storage.registry.add_fleet(Fleet(FLEET, "One", "", 1, 1))
    now_ms = clock_ms()
    with storage.database.write() as connection:
        put(connection, [DEAD, STUCK, BATCHED, notification(4, "m3")], now_ms)
    gone = Trouble("m1", 7, 7, 1_700_000_000_000, now_ms)
    storage.outbox.settle([Attempted("m1", (DEAD.id,), gone, "the answer was 500", dead=True)], now_ms)
    given_up = Trouble("m2", 3, 3, 1_700_000_000_000, now_ms, newer_than=10)
    storage.outbox.settle([Attempted("m2", (STUCK.id,), given_up, "no answer within 20 s")], now_ms)
    storage.outbox.settle([Attempted("m3", (notification(4, "m3").id,))], now_ms)
    storage.close()
    return run


def test_what_waits_and_what_was_given_up_is_listed(run: CommandLine) -> None:
    shown = run("notifications", "list")
    assert re.search(
        r"m2 +f1 +2 +\S+Z +3 since 2023-11-14T22:13:20Z +with the next event +no answer within 20 s", shown
    )
    assert re.search(rf"{DEAD.id} +m1 .* 1 +the answer was 500", shown)
    found = json.loads(run("notifications", "list", "--json"))
    assert [(one["sender"], one["waiting"]) for one in found["senders"]] == [("m1", 0), ("m2", 2)]
    assert found["senders"][0]["trouble"]["failures"] == 7
    assert [one["lastFailure"] for one in found["senders"]] == [None, "no answer within 20 s"]
    assert found["senders"][1]["trouble"]["nextAttempt"] is None
    assert (found["dead"], found["newestDead"][0]["id"]) == (1, DEAD.id)
    of_one = json.loads(run("notifications", "list", "--sender", "m2", "--json"))
    assert ([one["sender"] for one in of_one["senders"]], of_one["dead"]) == (["m2"], 0)


def test_one_is_shown_with_what_it_tells_until_it_is_delivered(run: CommandLine) -> None:
    shown = run("notifications", "show", DEAD.id)
    assert "the answer was 500" in shown
    assert json.loads(shown[shown.index("{") :]) == json.loads(event(1))
    assert json.loads(run("notifications", "show", DEAD.id, "--json"))["state"] == "dead"
    delivered = notification(4, "m3").id
    assert "It was delivered: its body is not kept" in run("notifications", "show", delivered)
    assert json.loads(run("notifications", "show", delivered, "--json"))["body"] is None
    assert "there is no notification 123" in run("notifications", "show", "123", fails=1)


def test_what_was_given_up_is_replayed_by_id(run: CommandLine) -> None:
    assert run("notifications", "replay", DEAD.id).startswith("1 wait again")
    assert json.loads(run("notifications", "list", "--json"))["dead"] == 0
    assert "1 of these had not been given up" in run("notifications", "replay", DEAD.id, fails=1)
    assert json.loads(run("status", "--json"))["notificationsWaiting"] == 3


def test_all_of_a_sender_is_replayed(run: CommandLine) -> None:
    assert json.loads(run("notifications", "replay", "--sender", "m1", "--json")) == {"replayed": 1}
    told = run("notifications", "replay", "--sender", "m1", fails=1)
    assert told == "canlift-bridge: nothing of m1 was given up; see `canlift-bridge notifications list`"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("replay",), "one of the two"),
        (("replay", DEAD.id, "--sender", "m1"), "one of the two"),
        (("list", "--limit", "0"), "expected 1 to 1000"),
        (("list", "--limit", "1001"), "expected 1 to 1000"),
    ],
)
def test_what_cannot_be_asked_is_refused(run: CommandLine, arguments: tuple[str, ...], complaint: str) -> None:
    assert complaint in run("notifications", *arguments, fails=2)


def test_the_status_counts_what_waits_and_what_was_given_up(run: CommandLine) -> None:
    found = json.loads(run("status", "--json"))
    assert (found["notificationsWaiting"], found["notificationsDead"]) == (2, 1)
    assert re.search(r"notifications that wait +2", run("status"))


def test_where_nothing_happened_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = CommandLine(tmp_path, capsys)("notifications", "list")
    assert shown.split("\n") == ["nothing waits", "", "nothing was given up"]


def test_a_fleet_has_a_secret_that_stays_until_another_is_made(run: CommandLine) -> None:
    secret = run("webhook", "secret", FLEET)
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    assert run("webhook", "secret", FLEET) == secret
    rotated = run("webhook", "secret", FLEET, "--rotate").split("\n")
    assert rotated[0] not in ("", secret)
    assert rotated[1].startswith("The one before it signs as well until ")
    found = json.loads(run("webhook", "secret", FLEET, "--json"))["secrets"]
    assert [one["secret"] for one in found] == [rotated[0], secret]
    assert found[0]["expires"] is None
    assert found[1]["expires"] > found[1]["created"]
    assert "there is no fleet nobody" in run("webhook", "secret", "nobody", fails=1)
