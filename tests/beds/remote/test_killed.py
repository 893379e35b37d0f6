"""The agent is killed with 9 at each step of a remote action, and started again: the body controller has heard of it at
most once, and the client is told what is known of it. The agent, the bridge and the broker are processes, and the bus
is SocketCAN."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from contract.result import Outcome
from tests.agent.bridge import eventually
from tests.agent.remote import model
from tests.agent.remote.body import Body
from tests.agent.remote.cloud import PATIENCE_S
from tests.beds.remote.agent import Agent
from tests.beds.remote.listener import Listener
from tests.conftest import Mosquitto
from tests.e2e.nine import ACCEPTED, HOOT, MODEL, NAVIGATE, SUCCESS, write_model
from tests.e2e.remote import RemoteWorld, remote_world

COUNT = 3
IN_DOUBT = [*ACCEPTED, "Failed GeneralError"]
# Time enough to be killed between two frames, and before the first, while what the bus says of the message is awaited.
SLOW = model.PROFILE.replace("count = 5\n", f'count = {COUNT}\nevery = "1500ms"\n').replace(
    'proof = "Body.Horn == 1"\n', 'proof = "Body.Horn == 1"\nwithin = "60s"\n'
)


class Car:
    """A vehicle that hoots when it is asked to, slowly."""

    def __init__(self, remote: RemoteWorld, body: Body, agent: Agent, listener: Listener) -> None:
        self.remote = remote
        self.body = body
        self.agent = agent
        self.listener = listener
        self.broker = remote.world.broker
        self._heard = 0

    def ready(self) -> None:
        """Quiet, and obedient, and one that was heard."""
        self.body.says(horn=False, obeys=True, sends_horn=True)
        self._heard = len(self.body.heard)

    def ask(self) -> str:
        return self.remote.ask(HOOT)

    def frames(self) -> int:
        """That the body controller has heard since it was ready."""
        return len(self.body.heard) - self._heard

    def ask_in_vain(self) -> str:
        """All is transmitted, and the vehicle has not done it yet; the client has been told that it was sent."""
        self.body.says(obeys=False)
        action = self.ask()
        until(lambda: Outcome.SENT in self.listener.outcomes(action))
        assert self.frames() == COUNT
        return action

    def kept(self, action: str) -> object:
        """What the agent's memory has of an action: its outcome, None where it has none yet; False: nothing."""
        try:
            _, _, content = (self.agent.state / "executed").read_bytes().partition(b"\n")
        except FileNotFoundError:
            return False
        outcomes = {entry["id"]: entry.get("outcome") for entry in json.loads(content)["entries"]}
        return outcomes.get(action, False)

    @property
    def unfinished(self) -> Path:
        """What the memory is written to before it takes the place of what there was."""
        return self.agent.state / "executed.new"

    def hold_writing(self) -> None:
        """Whoever opens a pipe that nobody reads stays in that."""
        os.mkfifo(self.unfinished)

    def is_held(self) -> bool:
        tasks = Path(f"/proc/{self.agent.pid}/task").iterdir()
        return any("fifo_open" in (task / "stack").read_text() for task in tasks)

    def restore(self) -> None:
        """What the test was in the way of."""
        self.unfinished.unlink(missing_ok=True)
        if self.broker.process is None:
            self.broker.start()
        self.body.says(obeys=True, sends_horn=True, is_stuck=False)


def until(condition: Callable[[], bool]) -> None:
    assert eventually(condition, PATIENCE_S)


def arrived(car: Car) -> str:
    """At the box, which has not read it."""
    os.kill(car.agent.pid, signal.SIGSTOP)
    action = car.ask()
    until(lambda: car.listener.sent(action))
    return action


def taken(car: Car) -> str:
    """By the agent, which is about to write it down."""
    car.hold_writing()
    action = car.ask()
    until(car.is_held)
    assert car.kept(action) is False
    return action


def begun(car: Car) -> str:
    """Written down; no frame was sent."""
    car.body.says(sends_horn=False)
    action = car.ask()
    until(lambda: car.kept(action) is None)
    return action


def between(number: int, car: Car) -> str:
    """Between two frames."""
    action = car.ask()
    until(lambda: car.frames() == number)
    return action


def answered_in_part(car: Car) -> str:
    """A computer has the first of six requests, and says that it needs longer."""
    car.body.says(is_stuck=True)
    action = car.remote.ask(NAVIGATE)
    until(lambda: car.frames() == 1)
    return action


def transmitted(car: Car) -> str:
    """All frames, and nothing proves it yet."""
    return car.ask_in_vain()


def proved(car: Car) -> str:
    """And the agent is about to write down that it was done."""
    action = car.ask_in_vain()
    car.hold_writing()
    car.body.says(horn=True)
    until(car.is_held)
    assert car.kept(action) is None
    return action


def kept(car: Car) -> str:
    """What came of it, and nobody has been told: the broker is away."""
    action = car.ask_in_vain()
    car.broker.kill()
    car.body.says(horn=True)
    until(lambda: car.kept(action) == Outcome.DONE)
    return action


def told(car: Car) -> str:
    action = car.ask()
    assert car.remote.told.story(action) == SUCCESS
    return action


class Moment(NamedTuple):
    reach: Callable[[Car], str]
    """Asks for it; which action that is."""
    story: list[str]
    frames: int
    outcome: Outcome


MOMENTS = {
    "arrived": Moment(arrived, SUCCESS, COUNT, Outcome.DONE),
    "taken": Moment(taken, SUCCESS, COUNT, Outcome.DONE),
    "begun": Moment(begun, IN_DOUBT, 0, Outcome.FAILED),
    "one frame sent": Moment(partial(between, 1), IN_DOUBT, 1, Outcome.FAILED),
    "two frames sent": Moment(partial(between, 2), IN_DOUBT, 2, Outcome.FAILED),
    "one request sent": Moment(answered_in_part, IN_DOUBT[1:], 1, Outcome.FAILED),
    "transmitted": Moment(transmitted, IN_DOUBT, COUNT, Outcome.FAILED),
    "proved": Moment(proved, IN_DOUBT, COUNT, Outcome.FAILED),
    "kept": Moment(kept, SUCCESS, COUNT, Outcome.DONE),
    "told": Moment(told, SUCCESS, COUNT, Outcome.DONE),
}


@pytest.fixture(scope="module")
def car(body: Body, tmp_path_factory: pytest.TempPathFactory, mosquitto_binary: str, shared: Path) -> Iterator[Car]:
    folder = tmp_path_factory.mktemp("killed")
    broker = Mosquitto(mosquitto_binary, folder)
    broker.start()
    try:
        with remote_world(folder, broker, shared, model.VIN, partial(write_model, SLOW)) as remote:
            key, profile = remote.world.manage("remote", "key"), f"vehicles/{MODEL}.toml"
            with (
                Agent(folder, broker.port, key, ["horn-on", "navigate"], profile) as agent,
                Listener(broker.port) as listener,
            ):
                remote.until_heard()
                yield Car(remote, body, agent, listener)
    finally:
        broker.kill()


@pytest.mark.parametrize("name", MOMENTS)
def test_an_agent_that_is_killed_has_done_it_at_most_once_and_the_client_is_told_what_is_known(
    car: Car, name: str
) -> None:
    moment = MOMENTS[name]
    car.ready()
    action = moment.reach(car)
    car.agent.kill()
    car.restore()
    car.agent.start()
    assert car.remote.told.story(action) == moment.story, car.agent.log
    # What it is asked again it answers again, and does not do.
    assert car.listener.say_again(action) is moment.outcome
    assert car.frames() == moment.frames
    assert car.body.wrong == []
    assert len(car.remote.told.events[action]) == len(moment.story)
