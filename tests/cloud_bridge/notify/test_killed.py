"""Kill -9 of the bridge at every step of a delivery: everything arrives, in order, and again only under its id."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud_bridge.clock import clock_ms
from cloud_bridge.settings import read_settings
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.monitors import Monitor
from cloud_bridge.store.port.registry import Fleet
from cloud_bridge.store.sqlite.outbox import put
from tests.certificates import Authority
from tests.cloud_bridge.monitors.bodies import body, data
from tests.cloud_bridge.notify.waiting import FLEET, notification, told, until
from tests.conftest import ROOT, free_port
from tests.receiver import Received, Receiver, Reply

pytestmark = pytest.mark.slow

SENDER = "0123456789abcdef0123456789abcdef"


class World:
    """A bridge that can be killed, and what it knows."""

    def __init__(self, folder: Path, authority: Authority, port: int, **subscription: Any) -> None:
        self.config = folder / "bridge.toml"
        self.config.write_text(
            f'[mqtt]\nport = {free_port()}\n[api]\nport = 0\n[notifications]\nallow = ["127.0.0.0/8", "::1/128"]\n'
            f'ca_file = "{authority.file}"\n'
        )
        self.log = folder / "bridge.log"
        self.storage = Storage(read_settings(self.config))
        self.storage.registry.add_fleet(Fleet(FLEET, "One", "", 1, 1))
        asked = body(data("low1", "vehicle.energy.electric.level", "lowerThan", "50"), **subscription)
        asked["subscribeParam"]["callback"]["webhook"] = {"target": f"https://localhost:{port}/hook", "name": "w"}
        monitor = Monitor(SENDER, FLEET, json.dumps(asked).encode(), "Running", 1, 1, 1)
        self.storage.monitors.add(monitor, 1)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cloud_bridge.cli", "serve", "--config", str(self.config)],
                cwd=ROOT, stdout=log, stderr=log,
            )  # fmt: skip

    def kill(self) -> None:
        """It is dead then."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def wait_killed(self) -> None:
        """Until it is: by what the receiver did about a request."""
        assert self._process is not None
        assert self._process.wait(60) == -signal.SIGKILL

    def end(self) -> None:
        """As it is told to, in order."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(60)
        self._process = None
        assert code == 0, f"ended with {code}:\n{self.log.read_text()}"

    def close(self) -> None:
        self.kill()
        self.storage.close()

    def write(self, *numbers: int) -> None:
        with self.storage.database.write() as connection:
            put(connection, [notification(number, SENDER) for number in numbers], clock_ms())

    @property
    def waiting(self) -> int:
        return self.storage.outbox.counts()[0]


@pytest.fixture
def made(tmp_path: Path, authority: Authority, receiver: Receiver) -> Iterator[Callable[..., World]]:
    worlds: list[World] = []

    def make(**subscription: Any) -> World:
        worlds.append(World(tmp_path, authority, receiver.port, **subscription))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


def at_arrival(world: World, _: Received) -> Reply:
    """The receiver has the request, and did not answer yet."""
    world.kill()
    return Reply()


def after_the_answer(world: World, _: Received) -> Reply:
    """The answer is on its way, and nothing is written of it."""

    def answer(send: Callable[[bytes], None]) -> None:
        with world.storage.database.write():  # It cannot be quicker than the kill.
            send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            world.kill()

    return Reply(raw=answer)


def amid_the_answer(world: World, _: Received) -> Reply:
    def answer(send: Callable[[bytes], None]) -> None:
        send(b"HTTP/1.1 20")
        world.kill()

    return Reply(raw=answer)


def after_a_failure(world: World, _: Received) -> Reply:
    def answer(send: Callable[[bytes], None]) -> None:
        with world.storage.database.write():
            send(b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n")
            world.kill()

    return Reply(raw=answer)


STEPS = (at_arrival, after_the_answer, amid_the_answer, after_a_failure)


def numbers(came: list[Received]) -> list[int]:
    return [number for one in came for number in told(one.document)]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_what_was_under_way_is_posted_again_under_its_id_and_nothing_is_lost(
    made: Callable[..., World], receiver: Receiver, step: Callable[[World, Received], Reply]
) -> None:
    world = made(retryPolicy={"policy": "Always", "retryDelay": 1})
    world.write(*range(4))
    killed_at = {2, 4}

    def answer(received: Received) -> Reply:
        if len(receiver.received) in killed_at:
            return step(world, received)
        return Reply()

    receiver.answer = answer
    for after in (2, 4):
        world.start()
        receiver.wait_for(after)
        world.wait_killed()
    world.write(4, 5)
    world.start()
    receiver.wait_for(8)
    until(lambda: world.waiting == 0)
    world.end()
    came = numbers(receiver.received)
    assert sorted(set(came)) == list(range(6))
    assert came == sorted(came)
    # Only what was under way when it was killed came twice.
    assert len(came) == 8
    ids: dict[str | None, bytes] = {}
    for one in receiver.received:
        assert ids.setdefault(one.header("webhook-id"), one.body) == one.body
    assert len(ids) == 6


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_a_batch_that_was_under_way_is_the_same_batch_afterwards(
    made: Callable[..., World], receiver: Receiver, step: Callable[[World, Received], Reply]
) -> None:
    world = made(retryPolicy={"policy": "Always", "retryDelay": 1}, batchNotify={"size": 50, "timeWindow": 5})
    world.write(0, 1, 2)
    receiver.answer = lambda received: step(world, received) if len(receiver.received) == 1 else Reply()
    world.start()
    receiver.wait_for(1)
    world.wait_killed()
    world.write(3, 4)
    world.start()
    came = receiver.wait_for(3)
    assert [told(one.document) for one in came] == [[0, 1, 2], [0, 1, 2], [3, 4]]
    assert came[0].body == came[1].body
    assert came[0].header("webhook-id") == came[1].header("webhook-id") != came[2].header("webhook-id")
    until(lambda: world.waiting == 0)


def test_killed_when_nothing_has_arrived_yet_all_the_same(made: Callable[..., World], receiver: Receiver) -> None:
    world = made()
    world.write(0)
    # While the connection is made, before a request is there.
    receiver.on_connection = world.kill
    world.start()
    until(lambda: receiver.connections > 0)
    world.wait_killed()
    receiver.on_connection = None
    assert receiver.received == []
    world.start()
    assert numbers(receiver.wait_for(1)) == [0]
