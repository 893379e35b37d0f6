"""A car on a virtual bus: its computers, somebody who speaks of himself, and a witness of every frame."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from itertools import count
from types import TracebackType
from typing import Self

import can

from agent.asking.asker import Asker
from agent.asking.asking import Asking
from agent.bus.frame import Frame
from agent.bus.interface import Interface
from agent.bus.losses import Losses
from agent.settings.asking import AskingSettings
from agent.settings.bus import BusSettings
from contract.profile.asking import Ask
from contract.profile.buses import Bus
from contract.profile.profile import Profile
from tests.agent.asking.ecu import VIN, Ecu

_CHANNELS = count()
CHATTER = 0x123


class Car:
    """Nobody speaks before `wake`."""

    def __init__(self, kind: str = "virtual", channel: str = "") -> None:
        """`kind` and `channel` are python-can's; without a channel it is one of its own."""
        self.kind = kind
        self.channel = channel or f"canlift-car-{next(_CHANNELS)}"
        self._frames: list[can.Message] = []
        self._emptied = 0
        """How often the witness found that there was nothing more to read."""
        self._stack = ExitStack()
        self._stop = threading.Event()
        self._awake = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._start(self._chatter)
        self._start(self._witness)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._stack.close()

    def bus(self) -> can.BusABC:
        return self._stack.enter_context(can.Bus(self.channel, self.kind))

    def ecu(self, request: int = 0x7E0, answer: int = 0x7E8, functional: int = 0x7DF) -> Ecu:
        return self._stack.enter_context(Ecu(self.bus(), request, answer, functional))

    def interface(self) -> Interface:
        """As the agent reads it, by a thread of its own."""
        interface = Interface("can0", self.kind, self.channel)

        def read() -> None:
            while not self._stop.is_set():
                interface.read(0.05)
            interface.close()

        self._start(read)
        return interface

    def wake(self) -> None:
        self._awake.set()

    def sleep(self) -> None:
        self._awake.clear()

    @property
    def frames(self) -> list[can.Message]:
        """All that anybody has sent before this is asked, in order."""
        # Twice: the first may have been found empty before what was sent last.
        enough = self._emptied + 2
        assert until(lambda: self._emptied >= enough, lambda: time.sleep(0.001))
        return list(self._frames)

    def sent_on(self, ids: Iterable[int]) -> list[bytes]:
        wanted = frozenset(ids)
        return [bytes(frame.data) for frame in self.frames if frame.arbitration_id in wanted]

    def _start(self, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run)
        self._threads.append(thread)
        thread.start()

    def _chatter(self) -> None:
        with can.Bus(self.channel, self.kind) as bus:
            while not self._stop.wait(0.02):
                if self._awake.is_set():
                    bus.send(can.Message(arbitration_id=CHATTER, data=bytes(8), is_extended_id=False))

    def _witness(self) -> None:
        with can.Bus(self.channel, self.kind) as bus:
            while not self._stop.is_set():
                message = bus.recv(0.05)
                while message is not None:
                    if message.arbitration_id != CHATTER:
                        self._frames.append(message)
                    message = bus.recv(0)
                self._emptied += 1


class Bench:
    """An asker whose clock is real time and what the test adds."""

    def __init__(self, car: Car, ask: Ask, settings: AskingSettings | None = None, vin: str = VIN) -> None:
        self.losses = Losses()
        self.frames: list[Frame] = []
        self.added_ms = 0
        self.asking = Asking(
            vin,
            Profile("car", "Car", "Test", "Thermic", {"can0": Bus(())}, ask={"engine": ask}),
            settings or AskingSettings(enabled=True),
            {"can0": BusSettings(car.channel, car.kind)},
            {} if car.kind == "socketcan" else {"can0": car.interface()},
            self.losses,
            lambda: time.monotonic_ns() // 1_000_000 + self.added_ms,
        )
        self.asker: Asker = self.asking.askers[0]
        self.counts = self.asker.conversations["engine"].counts

    def step(self, added_ms: int = 0) -> None:
        """Reads once, then lets some time pass at once."""
        self.frames += self.asker.read(0.02)
        self.added_ms += added_ms

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.step()


def until(reached: Callable[[], bool], step: Callable[[], object], within_s: float = 60) -> bool:
    """Takes steps until something is reached; whether it was."""
    deadline_s = time.monotonic() + within_s
    while not reached():
        if time.monotonic() > deadline_s:
            return False
        step()
    return True
