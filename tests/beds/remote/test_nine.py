"""Remote control from the client's request to the body controller and back to the callback, on real SocketCAN: every
part of it is a process as it is installed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from contract.steps import ARGUMENTS
from tests.agent.remote import model
from tests.agent.remote.body import Body
from tests.beds.remote.agent import Agent
from tests.conftest import Mosquitto
from tests.e2e.nine import MODEL, play_all, play_asleep, write_model
from tests.e2e.remote import remote_world


def test_each_of_the_nine_actions_is_done_proved_and_told(
    body: Body, mosquitto: Mosquitto, tmp_path: Path, shared: Path
) -> None:
    with remote_world(tmp_path, mosquitto, shared, model.VIN, partial(write_model, model.WHOLE)) as remote:
        key = remote.world.manage("remote", "key")
        with Agent(tmp_path, mosquitto.port, key, ARGUMENTS, f"vehicles/{MODEL}.toml"):
            remote.until_heard()
            play_all(remote, body)
            play_asleep(remote, body)
