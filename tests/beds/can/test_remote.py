"""Remote control on real SocketCAN: what is opened, what the body controller hears, and a process that is killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import can
import pytest

from contract.actions import Action, Doors, Horn, Preconditioning
from contract.command import Outcome
from tests.agent.bridge import eventually
from tests.agent.remote import model
from tests.agent.remote.body import LOCK, Body
from tests.agent.remote.cloud import OUR_KEY, PATIENCE_S, Cloud
from tests.conftest import ROOT, Mosquitto

CHANNEL = "vcan1"
DONE = [Outcome.RECEIVED, Outcome.SENT, Outcome.DONE]


@pytest.fixture
def body() -> Iterator[Body]:
    made = Body(lambda: can.Bus(CHANNEL, "socketcan"))
    yield made
    made.close()


@pytest.fixture
def cloud(mosquitto: Mosquitto) -> Iterator[Cloud]:
    with Cloud(mosquitto.port) as made:
        yield made


@contextmanager
def agent(folder: Path, port: int, profile: str = model.PROFILE, *, enabled: bool = True) -> Iterator[int]:
    """The service as it is installed, by its process id; killed with 9 in the end."""
    model.write(folder, profile)
    allow = ", ".join(f'"{name}"' for name in ("lock", "unlock", "horn-on", "precondition"))
    (folder / "agent.toml").write_text(
        f'vin = "{model.VIN}"\nprofile = "car.toml"\nstate = "state"\n'
        f'[buses.can0]\nchannel = "{CHANNEL}"\n'
        f'[uplink]\nbrokers = ["127.0.0.1:{port}"]\nfirst_backoff = "50ms"\n'
        f'[commands]\nkeys = ["{OUR_KEY}"]\n[remote]\nenabled = {str(enabled).lower()}\nallow = [{allow}]\n'
    )
    words = [sys.executable, "-m", "agent.cli", "run", "--config", str(folder / "agent.toml")]
    process = subprocess.Popen(words, cwd=ROOT, text=True, stderr=subprocess.PIPE)
    try:
        yield process.pid
    finally:
        process.kill()
        process.communicate()


def sockets_of(process: int) -> int:
    """How many a process has open, of all kinds."""
    return sum("socket:" in str(file.readlink()) for file in Path(f"/proc/{process}/fd").iterdir() if file.is_symlink())


@pytest.mark.parametrize("action", [Doors(locked=True), Doors(locked=False), Horn(on=True), Preconditioning(True)])
def test_each_kind_of_transmission_is_done_and_proved(body: Body, cloud: Cloud, tmp_path: Path, action: Action) -> None:
    body.sends_horn = True
    body.locks = 1 if action == Doors(locked=False) else 2
    with agent(tmp_path, cloud.port):
        assert cloud.ask(action) == DONE
    assert body.wrong == []


def test_nothing_is_opened_to_transmit_but_for_a_transmission(body: Body, cloud: Cloud, tmp_path: Path) -> None:
    slow = model.PROFILE.replace('count = 3, every = "20ms"', 'count = 3, every = "2s"')
    idle: list[int] = []
    for enabled in (False, True):
        with agent(tmp_path, cloud.port, slow, enabled=enabled) as process:
            cloud.held.clear()
            assert eventually(lambda: bool(cloud.held), PATIENCE_S)
            idle.append(sockets_of(process))
            if enabled:
                assert cloud.ask(Doors(locked=True)) == DONE
                command = cloud.command(Doors(locked=False))
                cloud.send(command)
                assert eventually(lambda: len(body.sent(LOCK)) == 2, PATIENCE_S)
                assert sockets_of(process) > idle[-1]
                assert cloud.told(command)
                assert eventually(lambda: sockets_of(process) == idle[-1], PATIENCE_S)
    assert idle[0] == idle[1]


@pytest.mark.parametrize("frames", [1, 2])
def test_an_agent_that_is_killed_while_it_transmits_goes_on_with_nothing(
    body: Body, cloud: Cloud, tmp_path: Path, frames: int
) -> None:
    slow = model.PROFILE.replace('count = 3, every = "20ms"', 'count = 5, every = "1s"')
    body.locks = 1
    unlock = Doors(locked=False)
    with agent(tmp_path, cloud.port, slow):
        assert cloud.ask(Doors(locked=True)) == [Outcome.RECEIVED, Outcome.ALREADY_DONE]
        command = cloud.command(unlock)
        cloud.send(command)
        assert eventually(lambda: len(body.sent(LOCK)) == frames, PATIENCE_S)
    with agent(tmp_path, cloud.port, slow):
        assert cloud.told(command)  # It says so by itself.
        cloud.held.clear()
        assert eventually(lambda: bool(cloud.held), PATIENCE_S)
        cloud.send(command)
        assert cloud.told(command, 2)
    assert cloud.outcomes(command) == [Outcome.RECEIVED, Outcome.FAILED, Outcome.FAILED]
    assert len(body.sent(LOCK)) == frames
