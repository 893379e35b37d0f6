"""A live run that is asked to do something, on a bus of python-can and a real broker, in this process."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import can
import pytest

from agent.live.run import run
from agent.settings.agent import Settings
from agent.settings.bus import BusSettings
from agent.settings.commands import CommandsSettings
from agent.settings.remote import RemoteSettings
from agent.settings.uplink import UplinkSettings
from contract.actions import Doors, Horn, WakeUp
from contract.command import Command
from contract.configuration import Duration
from contract.result import Cause, Outcome
from tests.agent.bridge import eventually
from tests.agent.remote import model
from tests.agent.remote.body import LOCK, Body
from tests.agent.remote.cloud import OUR_KEY, OURS, PATIENCE_S, THEIRS, Cloud
from tests.conftest import Mosquitto

DONE = [Outcome.RECEIVED, Outcome.SENT, Outcome.DONE]


@pytest.fixture
def channel() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def body(channel: str) -> Iterator[Body]:
    made = Body(lambda: can.Bus(channel, "virtual"))
    yield made
    made.close()


@pytest.fixture
def cloud(mosquitto: Mosquitto) -> Iterator[Cloud]:
    with Cloud(mosquitto.port) as made:
        yield made


@contextmanager
def running(
    folder: Path, channel: str, port: int, *, enabled: bool = True, profile: str = model.PROFILE
) -> Iterator[None]:
    settings = Settings(
        state=folder / "state",
        buses={"can0": BusSettings(channel, "virtual")},
        uplink=UplinkSettings(brokers=(f"127.0.0.1:{port}",), receipt_timeout=Duration(500)),
        commands=CommandsSettings(privacy=True, keys=(OUR_KEY,)),
        remote=RemoteSettings(enabled=enabled, allow=("lock", "unlock", "wake-up")),
    )
    plan = model.plan(folder, profile)
    stop = threading.Event()
    live = threading.Thread(target=run, args=(model.VIN, settings, plan, stop))
    live.start()
    try:
        yield
    finally:
        stop.set()
        live.join(60)


def test_what_is_asked_by_the_cloud_is_done_and_told_step_by_step(
    tmp_path: Path, channel: str, body: Body, cloud: Cloud
) -> None:
    with running(tmp_path, channel, cloud.port):
        assert cloud.ask(Doors(locked=True)) == DONE
        assert len(body.sent(LOCK)) == 1
        assert cloud.ask(Doors(locked=True)) == [Outcome.RECEIVED, Outcome.ALREADY_DONE]
        assert cloud.ask(Horn(on=True)) == [Outcome.REFUSED]
        held = len(cloud.held)
        assert cloud.ask(WakeUp()) == [Outcome.RECEIVED, Outcome.DONE]
        assert eventually(lambda: len(cloud.held) > held, PATIENCE_S)


def test_a_command_that_is_replayed_or_signed_by_another_or_for_another_vehicle_does_nothing(
    tmp_path: Path, channel: str, body: Body, cloud: Cloud
) -> None:
    with running(tmp_path, channel, cloud.port):
        assert cloud.ask(Doors(locked=True)) == DONE
        unlock = Doors(locked=False)
        by_another = cloud.command(unlock)
        cloud.send(by_another, THEIRS)
        for_another = cloud.command(unlock, "VR3UPHNKSKT000002")
        cloud.send(for_another)
        past = cloud.command(unlock)
        expired = Command(past.id, past.vin, past.issued_utc_ms, unlock, past.issued_utc_ms)
        cloud.send(expired)
        for command, outcome in (
            (by_another, Outcome.UNTRUSTED),
            (for_another, Outcome.FOREIGN),
            (expired, Outcome.EXPIRED),
        ):
            assert cloud.told(command)
            assert cloud.outcomes(command) == [outcome]
        assert len(body.sent(LOCK)) == 1
        command = cloud.command(unlock)
        cloud.send(command)
        assert cloud.told(command)
        for count in (2, 3):
            cloud.send(command)
            assert cloud.told(command, count)
        assert cloud.outcomes(command) == [*DONE, Outcome.DONE, Outcome.DONE]
        assert len(body.sent(LOCK)) == 1 + 3  # Of one unlocking.


def test_what_comes_while_another_of_its_kind_is_done_is_refused_and_a_forged_copy_is_not_answered_in_its_place(
    tmp_path: Path, channel: str, body: Body, cloud: Cloud
) -> None:
    patient = model.PROFILE.replace('within = "2s"', 'within = "90s"')
    with running(tmp_path, channel, cloud.port, profile=patient):
        assert cloud.ask(WakeUp())[-1] is Outcome.DONE
        body.obeys = False
        lock = Doors(locked=True)
        first, second = cloud.command(lock), cloud.command(lock)
        for command, key in ((first, OURS), (first, THEIRS), (second, OURS)):
            cloud.send(command, key)
        assert cloud.told(second)
        body.locks = 1
        assert cloud.told(first)
        assert cloud.outcomes(first) == DONE
        (refused,) = [result for result in cloud.results if result.id == second.id]
        assert (refused.outcome, refused.cause) == (Outcome.FAILED, Cause.SAME_IN_PROGRESS)
        assert len(body.sent(LOCK)) == 1


def test_without_remote_control_nothing_is_made_that_could_transmit(
    tmp_path: Path, channel: str, body: Body, cloud: Cloud
) -> None:
    with running(tmp_path, channel, cloud.port, enabled=False):
        assert cloud.ask(Doors(locked=True)) == [Outcome.REFUSED]
        assert "transmitter" not in {thread.name for thread in threading.enumerate()}
    assert body.heard == []
    assert not (tmp_path / "state" / model.VIN / "executed").exists()
