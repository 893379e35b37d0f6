"""What is open on real SocketCAN while remote control transmits, and while it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.actions import Doors
from contract.result import Outcome
from tests.agent.bridge import eventually
from tests.agent.remote import model
from tests.agent.remote.body import LOCK, Body
from tests.agent.remote.cloud import OUR_KEY, PATIENCE_S, Cloud
from tests.beds.remote.agent import Agent
from tests.conftest import Mosquitto

DONE = [Outcome.RECEIVED, Outcome.SENT, Outcome.DONE]


@pytest.fixture
def cloud(mosquitto: Mosquitto) -> Iterator[Cloud]:
    with Cloud(mosquitto.port) as made:
        yield made


def sockets_of(process: int) -> int:
    """How many a process has open, of all kinds."""
    return sum("socket:" in str(file.readlink()) for file in Path(f"/proc/{process}/fd").iterdir() if file.is_symlink())


def test_nothing_is_opened_to_transmit_but_for_a_transmission(body: Body, cloud: Cloud, tmp_path: Path) -> None:
    slow = model.PROFILE.replace('count = 3, every = "20ms"', 'count = 3, every = "2s"')
    idle: list[int] = []
    for enabled in (False, True):
        model.write(tmp_path, slow)
        with Agent(tmp_path, cloud.port, OUR_KEY, ("lock", "unlock"), "car.toml", enabled=enabled) as agent:
            cloud.held.clear()
            assert eventually(lambda: bool(cloud.held), PATIENCE_S)
            idle.append(sockets_of(agent.pid))
            if enabled:
                assert cloud.ask(Doors(locked=True)) == DONE
                command = cloud.command(Doors(locked=False))
                cloud.send(command)
                assert eventually(lambda: len(body.sent(LOCK)) == 2, PATIENCE_S)
                assert sockets_of(agent.pid) > idle[-1]
                assert cloud.told(command)
                assert eventually(lambda: sockets_of(agent.pid) == idle[-1], PATIENCE_S)
    assert idle[0] == idle[1]
