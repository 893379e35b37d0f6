"""The stand-in of the bridge that knows the time, asks for actions, and hears what came of them."""

from __future__ import annotations

import base64
import time

from msgspec.structs import replace

from contract.actions import Action
from contract.command import Command, encode_command
from contract.receipt import Receipt
from contract.result import Outcome, Result, decode_result
from contract.signing import public_key
from contract.topics import COMMAND, RESULT
from tests.agent.bridge import Listening, eventually
from tests.agent.remote.model import VIN

OURS, THEIRS = bytes(range(32)), bytes(32)
OUR_KEY = base64.b64encode(public_key(OURS)).decode()
"""As agent.toml has it."""
PATIENCE_S = 60


class Cloud(Listening):
    def __init__(self, port: int) -> None:
        self.results: list[Result] = []
        super().__init__(port, VIN, RESULT, lambda payload: self.results.append(decode_result(payload)))
        self._commands = 0

    def say(self, vin: str, receipt: Receipt) -> None:
        super().say(vin, replace(receipt, utc_ms=_utc_ms()))

    def command(self, action: Action, vin: str = VIN) -> Command:
        self._commands += 1
        now_ms = _utc_ms()
        return Command(self._commands.to_bytes(16, "big"), vin, now_ms + 600_000, action, now_ms)

    def send(self, command: Command, key: bytes = OURS) -> None:
        self.publish(COMMAND, encode_command(command, key))

    def outcomes(self, command: Command) -> list[Outcome]:
        return [result.outcome for result in list(self.results) if result.id == command.id]

    def ask(self, action: Action) -> list[Outcome]:
        """What came of an action. The vehicle is waited for; it is asked again while it does not know the time."""
        assert eventually(lambda: bool(self.held), PATIENCE_S)
        while True:
            command = self.command(action)
            self.send(command)
            assert self.told(command)
            if self.outcomes(command) != [Outcome.TIMELESS]:
                return self.outcomes(command)
            time.sleep(0.2)

    def told(self, command: Command, count: int = 1) -> bool:
        """Whether so many final outcomes came."""

        def final() -> int:
            return sum(outcome.final for outcome in self.outcomes(command))

        return eventually(lambda: final() >= count, PATIENCE_S)


def _utc_ms() -> int:
    return time.time_ns() // 1_000_000
