"""Remote control from the client's request to the body controller and back to the callback: a real bridge, broker and
receiver, and the agent as it runs in a vehicle, on python-can's virtual bus."""

from __future__ import annotations

import base64
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import can
import pytest

from agent.plan.compiling import compile_plan
from agent.run import run
from agent.settings.agent import Settings
from agent.settings.bus import BusSettings
from agent.settings.commands import CommandsSettings
from agent.settings.remote import RemoteSettings
from agent.settings.uplink import UplinkSettings
from contract.steps import ARGUMENTS
from tests.agent.remote import model
from tests.agent.remote.body import HORN, LOCK, Body
from tests.cloud_bridge.remote.bodies import CONDITIONING, PARIS, conditioning
from tests.cloud_bridge.remote.bodies import LOCK as ASK_TO_LOCK
from tests.conftest import Mosquitto
from tests.e2e.remote import RemoteWorld, remote_world

pytestmark = pytest.mark.slow

SENT = ["Accepted", "SentToVehicle"]


def write_model(folder: Path) -> str:
    often = '[cadence]\ndriving = "2s"\ncharging = "2s"\nparked = "2s"\n'
    model.write(folder, model.PROFILE + often).rename(folder / "asked.toml")
    return "asked"


@pytest.fixture
def remote(tmp_path: Path, mosquitto: Mosquitto, shared: Path) -> Iterator[RemoteWorld]:
    with remote_world(tmp_path, mosquitto, shared, model.VIN, write_model) as remote:
        yield remote


@contextmanager
def driven(remote: RemoteWorld, folder: Path, key: bytes | None = None) -> Iterator[Body]:
    """A run of the agent, and what it asks on its bus. `key`: the one that it knows instead of the bridge's."""
    channel = uuid.uuid4().hex
    body = Body(lambda: can.Bus(channel, "virtual"))
    settings = Settings(
        state=folder / "agent",
        buses={"can0": BusSettings(channel, "virtual")},
        uplink=UplinkSettings(brokers=(f"127.0.0.1:{remote.world.broker.port}",)),
        commands=CommandsSettings(keys=(base64.b64encode(key or remote.key).decode(),)),
        remote=RemoteSettings(enabled=True, allow=tuple(name for name in ARGUMENTS if name != "horn-off")),
    )
    plan = compile_plan(folder / "vehicles" / "asked.toml")
    stop = threading.Event()
    running = threading.Thread(target=run, args=(model.VIN, settings, plan, stop))
    running.start()
    try:
        # It is awake from its first upload on.
        remote.until(lambda: remote.world.get(f"/fleets/f1/vehicles/{remote.vehicle_id}/status").status_code == 200)
        yield body
    finally:
        stop.set()
        running.join(60)
        body.close()


def test_each_kind_of_transmission_does_it_and_is_proved_and_told(remote: RemoteWorld, tmp_path: Path) -> None:
    with driven(remote, tmp_path) as body:
        for asked, expected in [
            ({"wakeUp": {}}, "Success"),
            (ASK_TO_LOCK, "Success"),
            (ASK_TO_LOCK, "AlreadyDone"),
            ({"horn": {"state": "Activated"}}, "Failed VehicleError"),  # Nobody sends what it is completed from.
            (conditioning(immediate=True, programs=[CONDITIONING]), "Success"),
            ({"navigation": {"positions": [PARIS, PARIS]}}, "Success"),
            ({"stolen": {"trackingPeriod": {"running": 30}}}, "Success"),
        ]:
            story = remote.told.story(remote.ask(asked))
            navigates = "navigation" in asked
            assert story == [*SENT[navigates:], expected], asked
        assert len(body.sent(LOCK)) == 1
        assert body.locks == 1
        assert body.heating
        body.sends_horn = True
        remote.until(lambda: remote.told.story(remote.ask({"horn": {"state": "Activated"}}))[-1] == "Success")
        assert body.wrong == []
        assert len(body.sent(HORN)) >= 5
        body.door_open = True
        remote.until(
            lambda: remote.told.story(remote.ask({"door": {"state": "Unlocked"}}))[-1] in ("Success", "AlreadyDone")
        )
        assert remote.told.story(remote.ask(ASK_TO_LOCK)) == [*SENT, "Failed DoorsOpen"]
        body.speed_kmh = 30.0
        remote.until(
            lambda: remote.told.story(remote.ask({"horn": {"state": "Activated"}}))[-1] == "Failed VehicleInUse"
        )
    programs = remote.world.get(f"/fleets/f1/vehicles/{remote.vehicle_id}/status").json()["preconditioning"]
    assert programs["airConditioning"]["programs"][0]["start"] == "PT7H15M"


def test_what_neither_profile_nor_settings_have_is_never_transmitted(remote: RemoteWorld, tmp_path: Path) -> None:
    with driven(remote, tmp_path) as body:
        heard = len(body.heard)
        # The profile has none of these.
        assert remote.told.story(remote.ask({"lights": {"on": True}})) == ["Failed WrongCommand"]
        assert remote.told.story(remote.ask({"charging": {"immediate": True}})) == ["Failed WrongCommand"]
        assert len(body.heard) == heard


def test_a_vehicle_that_knows_another_key_does_nothing(remote: RemoteWorld, tmp_path: Path) -> None:
    with driven(remote, tmp_path, key=bytes(31) + b"\x01") as body:
        assert remote.told.story(remote.ask(ASK_TO_LOCK)) == [*SENT, "Failed MissingRights"]
        assert body.sent(LOCK) == []
    said = " ".join(remote.world.bridge_log().split())
    assert "does not accept our key" in said, said
