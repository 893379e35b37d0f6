"""Remote control as a live run has it, with a body controller on python-can's virtual bus and a clock to set."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

import can

from agent.bus.interface import Interface
from agent.plan.plan import Plan
from agent.remote.making import make
from agent.remote.remote import Remote
from agent.sampling.batch import Batch
from agent.sampling.sampler import Sampler
from agent.settings.agent import Settings
from agent.settings.bus import BusSettings
from agent.settings.remote import RemoteSettings
from contract.actions import Action
from contract.command import Command
from contract.result import Outcome, Result
from contract.steps import ARGUMENTS
from contract.upload import Privacy
from tests.agent.remote import model
from tests.agent.remote.body import Body

NOW_MS = 1_700_000_000_000
PATIENCE_S = 60.0


def monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class World:
    def __init__(self, folder: Path, *, profile: str = model.PROFILE, allow: Iterable[str] = tuple(ARGUMENTS)) -> None:
        self.folder = folder
        self.allow = tuple(allow)
        self.utc_ms: int | None = NOW_MS
        self.privacy = Privacy.NONE
        self.results: list[Result] = []
        self.batches: list[Batch] = []
        self.plan: Plan = model.plan(folder, profile)
        self._channel = uuid.uuid4().hex
        self.body = Body(lambda: can.Bus(self._channel, "virtual"))
        self._commands = 0
        self.passed_ms = 0
        """What is added to the time."""
        self.haste_ms = 0
        """What each turn of the loop adds to it."""
        self.start()

    def now_ms(self) -> int:
        """On the boot's clock."""
        return monotonic_ms() + self.passed_ms

    def start(self) -> None:
        """A start of the agent."""
        self.sampler = Sampler(self.plan, self.now_ms())
        self.interface = Interface("can0", "virtual", self._channel, monotonic_ms=self.now_ms)
        settings = Settings(
            buses={"can0": BusSettings(self._channel, "virtual")},
            remote=RemoteSettings(enabled=True, allow=self.allow),
        )
        self.remote: Remote = make(
            settings,
            self.folder / "state",
            self.plan,
            [self.interface],
            self.sampler,
            lambda: self.privacy,
            self.now_ms,
            lambda: self.utc_ms,
        )
        self.remote.attach(self._tell, self.results.append)

    def power_cut(self) -> None:
        """What runs is gone; nothing of it is done any more."""
        self.remote.close()
        self.interface.close()

    def close(self) -> None:
        self.power_cut()
        self.body.close()

    def command(self, action: Action, lasts_ms: int = 60_000, number: int | None = None) -> Command:
        self._commands += 1
        identity = (self._commands if number is None else number).to_bytes(16, "big")
        return Command(identity, model.VIN, NOW_MS + lasts_ms, action, NOW_MS)

    def ask(self, action: Action) -> list[Result]:
        """Asks, and gives what came of it, step by step."""
        command = self.command(action)
        return self.carry_out(command, action)

    def carry_out(self, command: Command, action: Action) -> list[Result]:
        self.results.clear()
        self.remote.take(command, action)
        assert self.until(lambda: any(result.outcome.final for result in self.results if result.id == command.id))
        return [result for result in self.results if result.id == command.id]

    def awake(self) -> None:
        """Waits until the vehicle was heard."""
        assert self.until(lambda: self.sampler.value("Body.Locks", self.now_ms()) is not None)

    def silent(self) -> None:
        """The vehicle falls asleep, and has been silent for so long that it is known to sleep."""
        self.body.speaks = False
        self.haste_ms = 100
        assert self.until(lambda: self.sampler.silent_ms(self.now_ms()) > 6000)
        self.haste_ms = 0

    def until(self, condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> bool:
        """Turns the live loop until it holds."""
        until_s = time.monotonic() + patience_s
        while not condition():
            if time.monotonic() > until_s:
                return False
            self.turn()
        return True

    def turn(self) -> None:
        frames = self.interface.read(0.02)
        for source in self.remote.sources:
            frames += source.read(0)
        self.batches += self.sampler.feed(frames)
        self.batches += self.sampler.advance(self.now_ms())
        self.remote.tick()
        self.passed_ms += self.haste_ms

    def _tell(self, name: str, now_ms: int) -> None:
        self.batches += self.sampler.tell(name, now_ms)


def outcomes(results: Iterable[Result]) -> list[Outcome]:
    return [result.outcome for result in results]
