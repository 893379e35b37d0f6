"""Remote control from the client's request to what its callback is told: over a real broker, a real bridge that is
killed at each step, and HTTPS."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_bridge.actions.asked import read
from cloud_bridge.actions.life import REMOTE_TYPES
from contract.actions import Charging, Lights, WakeUp
from contract.command import Command
from contract.result import Cause, Outcome
from tests.cloud_bridge.actions.bodies import CHARGING, CONDITIONING, LOCK, PARIS, Body, conditioning
from tests.cloud_bridge.vehicle import VIN
from tests.conftest import ROOT, Mosquitto, free_port, needed
from tests.e2e.remote import PATIENCE_S, MadeUpVehicle, RemoteWorld, does_it, remote_world
from tests.e2e.world import World
from tests.receiver import Received, Reply

pytestmark = pytest.mark.slow

DONE = ["Accepted", "SentToVehicle", "Success"]


@pytest.fixture
def remote(tmp_path: Path, mosquitto: Mosquitto, shared: Path) -> Iterator[RemoteWorld]:
    with remote_world(tmp_path, mosquitto, shared) as remote:
        yield remote


@pytest.fixture(scope="module")
def killed_often(
    tmp_path_factory: pytest.TempPathFactory, mosquitto_binary: str, shared: Path
) -> Iterator[RemoteWorld]:
    """One for several tests, each of which has its bridge running in the end."""
    folder = tmp_path_factory.mktemp("killed")
    broker = Mosquitto(mosquitto_binary, folder)
    broker.start()
    try:
        with remote_world(folder, broker, shared) as remote:
            yield remote
    finally:
        broker.kill()


def does_what_it_can(command: Command) -> list[tuple[Outcome, Cause | None]]:
    if isinstance(command.body, Lights):
        return [(Outcome.RECEIVED, None), (Outcome.ALREADY_DONE, None)]
    if isinstance(command.body, Charging) and command.body.immediate:
        return [(Outcome.RECEIVED, None), (Outcome.FAILED, Cause.CHARGING_STATION)]
    return does_it(command)


ASKED: list[tuple[Body, list[str]]] = [
    ({"wakeUp": {"action": "WakeUp"}}, ["Accepted", "WakingUpVehicle", "SentToVehicle", "Success"]),
    (LOCK, DONE),
    ({"horn": {"state": "Activated"}}, DONE),
    ({"lights": {"on": True}}, ["Accepted", "SentToVehicle", "AlreadyDone"]),
    (conditioning(immediate=True, programs=[CONDITIONING]), DONE),
    ({"charging": {"immediate": True}}, ["Accepted", "SentToVehicle", "Failed ExternalChargingSystemError"]),
    ({"charging": {"schedule": {"programs": [CHARGING]}}}, DONE),
    ({"navigation": {"positions": [PARIS]}}, ["SentToVehicle", "Success"]),
    ({"immobilization": {"activate": True}}, DONE),
    ({"stolen": {"stolen": True}}, ["Accepted", "Success"]),
    (LOCK, ["Failed NotPossibleDueToVehicleStolenState"]),
    ({"stolen": {"trackingPeriod": {"running": 30}}}, DONE),
    ({"stolen": {"immobilization": {"activate": True}}}, DONE),
    ({"stolen": {"stolen": False}}, DONE),
    ({"stolen": {"stolen": False}}, ["Accepted", "AlreadyDone"]),
]


def test_each_action_goes_its_published_way_and_its_callback_hears_of_it(remote: RemoteWorld) -> None:
    with MadeUpVehicle(remote.world.broker.port, remote.key, does_what_it_can) as vehicle:
        for body, expected in ASKED:
            action = remote.ask(body)
            assert remote.told.story(action) == expected, body
            shown = remote.shown(action)
            assert " ".join(filter(None, (shown["status"], shown.get("failureCause")))) == expected[-1]
            assert shown["remote"] == body
        sent = [body for body, expected in ASKED if "SentToVehicle" in expected]
        assert len(vehicle.executed) == len(sent)
    thefts = remote.world.get(f"/fleets/f1/vehicles/{remote.vehicle_id}/stolen").json()
    assert [theft["state"] for theft in thefts["_embedded"]["stolen"]] == [False]
    (first, *_) = remote.receiver.received
    assert first.header("x-vehicle") == VIN
    assert first.document["attributes"] == [{"key": "type", "value": "WakeUp"}]
    assert first.document["callbackId"] == remote.callback
    listed = remote.world.get(remote.path, pageSize="60").json()
    assert listed["total"] == len(ASKED)
    assert json.loads(remote.world.manage("remote", "list", "--json")) == []


def test_a_vehicle_that_sleeps_is_woken_up_asked_and_told_of(remote: RemoteWorld) -> None:
    action = remote.ask(LOCK)
    (listed,) = json.loads(remote.world.manage("remote", "list", "--json"))
    assert (listed["id"], listed["vin"], listed["waitsFor"], listed["wakeUpsThisMonth"]) == (action, VIN, "waking", 1)
    assert "WakingUpVehicle" in remote.world.manage("remote", "list")
    with MadeUpVehicle(remote.world.broker.port, remote.key) as vehicle:
        expected = ["Accepted", "WakingUpVehicle", "CheckingVehicle", "SentToVehicle", "Success"]
        assert remote.told.story(action) == expected
        wake, *_, command = vehicle.came
    assert isinstance(wake.body, WakeUp)
    assert command.id.hex() == action


def test_a_paused_callback_is_told_when_it_runs_again(remote: RemoteWorld) -> None:
    remote.set_status("Paused")
    with MadeUpVehicle(remote.world.broker.port, remote.key):
        action = remote.ask({"wakeUp": {}})
        remote.until(lambda: remote.shown(action)["status"] == "Success")
    assert remote.told.events[action] == []
    remote.set_status("Running")
    assert remote.told.story(action)[-1] == "Success"


@pytest.mark.parametrize("step", ["asked", "sent", "executed", "answered"])
def test_a_bridge_that_is_killed_goes_on_with_what_it_was_at(killed_often: RemoteWorld, step: str) -> None:
    """Before anything was sent; when the vehicle has the command; when it has done it and not said so; when it has."""
    remote = killed_often
    with MadeUpVehicle(remote.world.broker.port, remote.key) as vehicle:
        assert remote.told.story(remote.ask({"wakeUp": {}}))[-1] == "Success"
        came = len(vehicle.came)
        asked = threading.Event()

        def kill(_: Command) -> None:
            # Who asks has the answer: a command may be quicker than that.
            assert asked.wait(PATIENCE_S)
            remote.world.kill_bridge()

        if step in ("sent", "executed"):
            vehicle.on_command = kill
        if step == "executed":
            vehicle.answers = lambda _: [(Outcome.RECEIVED, None)]
        action = remote.ask(LOCK)
        asked.set()
        if step == "asked":
            remote.world.kill_bridge()
        else:
            vehicle.wait_for(came + 1)
        if step == "answered":
            remote.world.kill_bridge()
        vehicle.on_command = lambda _: None
        if step == "executed":
            # Powered off before it could say so; it knows what it did, and answers it again.
            vehicle.executed[bytes.fromhex(action)].outcomes[:] = does_it(vehicle.came[-1])
        remote.start()
        assert remote.told.story(action) == DONE
        assert [command.id.hex() for command in vehicle.came[came:]].count(action) >= 1
        assert len(vehicle.executed) == 2
    assert len(remote.told.ids) == len({*remote.told.ids})


def test_a_bridge_that_is_killed_at_each_thing_it_tells_tells_it_again_under_its_id_and_goes_on(
    remote: RemoteWorld,
) -> None:
    """From a vehicle that sleeps to one that did it; each time when the callback has it and has not said so."""
    asked, killed = threading.Event(), threading.Semaphore(0)
    take, ids = remote.receiver.answer, dict[str, list[str | None]]()

    def kill_first(received: Received) -> Reply:
        (event,) = received.document["events"]
        known = ids.setdefault(event["eventStatus"]["status"], [])
        known.append(received.header("webhook-id"))
        if len(known) == 1:
            assert asked.wait(PATIENCE_S)
            remote.world.kill_bridge()
            killed.release()
        return take(received)

    def restart() -> None:
        assert killed.acquire(timeout=PATIENCE_S), remote.world.bridge_log()
        remote.start()

    remote.receiver.answer = kill_first
    action = remote.ask(LOCK)
    asked.set()
    expected = ["Accepted", "WakingUpVehicle", "CheckingVehicle", "SentToVehicle", "Success"]
    for _ in expected[:2]:
        restart()
    with MadeUpVehicle(remote.world.broker.port, remote.key) as vehicle:
        for _ in expected[2:]:
            restart()
        remote.until(lambda: all(len(known) >= 2 for known in ids.values()))
        assert remote.told.story(action) == expected
        assert list(ids) == expected
        assert all(len({*known}) == 1 for known in ids.values())
        assert {command.id.hex() for command in vehicle.came} >= {action}
        assert len(vehicle.executed) == 2  # It was woken up, and locked.


def test_two_bridges_share_the_work_and_send_nothing_twice(remote: RemoteWorld, tmp_path: Path) -> None:
    second = World.__new__(World)
    second.folder, second.broker, second.api_port, second.bridge = tmp_path, remote.world.broker, free_port(), None
    second.config = tmp_path / "second.toml"
    config = remote.world.config.read_text()
    config = config.replace("[api]\n", 'client_id = "second"\n[api]\n', 1)
    config = config.replace(f"port = {remote.world.api_port}", f"port = {second.api_port}")
    second.config.write_text(config)
    second.start_bridge()
    try:
        with MadeUpVehicle(remote.world.broker.port, remote.key) as vehicle:
            bodies: list[Body] = [{"wakeUp": {}}, LOCK, {"horn": {"state": "Activated"}}]
            asked = [remote.ask(body) for body in bodies]
            stories = [remote.told.story(action) for action in asked]
            assert [story[-1] for story in stories] == ["Success"] * 3
            sent = list(zip(vehicle.came, vehicle.came_at_s, strict=True))
            for number, (command, at_s) in enumerate(sent):
                # Again only what was not answered for a while.
                assert not any(one.id == command.id and at_s - then_s < 5 for one, then_s in sent[:number])
            assert {*asked} <= {command.id.hex() for command in vehicle.came}
    finally:
        second.kill_bridge()
    assert len(remote.receiver.received) == len(remote.told.ids)


def test_what_the_how_to_shows_has_a_vehicle_do_something(remote: RemoteWorld, tmp_path: Path) -> None:
    needed("curl", "curl")
    needed("jq", "jq")
    page = (ROOT / "docs" / "api.md").read_text().partition("## Having a vehicle do something")[2]
    asking, reading = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[:2]
    client_id, user, secret = remote.world.credentials
    names = f"api={remote.world.url} fleet=f1 client={client_id} vehicle={remote.vehicle_id}\n"
    names += f"me=(-s -u '{user}:{secret}')\n"
    asking = asking.replace("https://partner.example.com", f"https://localhost:{remote.receiver.port}")
    each_on_its_line = 'curl() { command curl "$@"; echo; }\n'
    with MadeUpVehicle(remote.world.broker.port, remote.key):
        script = f"{names}{asking}echo $callback $action\n{each_on_its_line}{reading}"
        done = subprocess.run(
            ["bash", "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        made, *answers = done.stdout.splitlines()
        callback, action = made.split()
        read, listed, callbacks = map(json.loads, answers)
        assert (read["remoteActionId"], read["type"]) == (action, "Doors")
        assert [each["remoteActionId"] for each in listed["_embedded"]["remoteActions"]] == [action]
        assert callback in [each["id"] for each in callbacks["_embedded"]["callbacks"]]
        assert remote.told.story(action)[-1] == "Success"
    assert remote.receiver.received[-1].document["callbackId"] == callback
    assert remote.receiver.received[-1].header("x-vehicle") == VIN


def test_what_the_how_to_lists_can_be_asked_for() -> None:
    page = (ROOT / "docs" / "api.md").read_text().partition("| asked with |")[2]
    rows = re.findall(r"^\| `(\{.*?\})` \| `(\w+)` \|", page, re.MULTILINE)
    assert {type_ for _, type_ in rows} == {*REMOTE_TYPES}
    for body, type_ in rows:
        assert read(body.encode()).request.type == type_
