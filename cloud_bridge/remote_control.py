"""Remote control of one bridge, put together: what the API asks, who goes on with it, and the line to the vehicles."""

from __future__ import annotations

from collections.abc import Callable

from cloud_bridge.actions.life import Rules
from cloud_bridge.identity.strangers import Strangers
from cloud_bridge.remote.abilities import Abilities
from cloud_bridge.remote.control import Control, RemoteService
from cloud_bridge.remote.driver import Driver
from cloud_bridge.remote.key import command_key
from cloud_bridge.remote.line import Line
from cloud_bridge.remote.waking import Waker
from cloud_bridge.settings import Remote, Settings
from cloud_bridge.storage import Storage
from cloud_bridge.threads.faults import Faults
from contract.result import Result


class Remotes:
    """`start`, then `stop`."""

    def __init__(
        self,
        settings: Settings,
        storage: Storage,
        strangers: Strangers,
        faults: Faults,
        clock_ms: Callable[[], int],
        on_told: Callable[[], None],
        on_failure: Callable[[], None],
    ) -> None:
        """`on_told` is called after callbacks have something to be told, `on_failure` from a thread that had to give
        up. Raises OSError for files of the broker's credentials."""
        self.service = remote_service(storage, settings.remote, self._asked)
        control = self.service.control
        self._line = Line(settings.mqtt, strangers.turned_away, self._take, faults, on_failure)
        waker = Waker(settings.remote.wake_command, control.rules.reach_ms)
        key = command_key(storage.registry)
        self._on_told = on_told
        self._driver = Driver(control, self._line.publish, key, waker, faults, clock_ms, on_told, on_failure)

    def start(self) -> None:
        self._line.start()
        self._driver.start()

    def stop(self) -> None:
        """What is under way goes on when a bridge is there again, or another one goes on with it."""
        self._line.stop()
        self._driver.stop()

    def _asked(self) -> None:
        self._on_told()
        self._driver.wake()

    def _take(self, vin: str, result: Result) -> None:
        self._driver.take(vin, result)


def remote_service(storage: Storage, settings: Remote, asked: Callable[[], None]) -> RemoteService:
    rules = Rules(
        settings.wake_ups,
        settings.actions_a_minute,
        settings.lowest_battery,
        int(settings.reach),
        int(settings.answer),
    )
    steps = Abilities(storage.profiles).steps
    control = Control(storage.actions, storage.reader.status, storage.model_of, steps, rules)
    return RemoteService(storage.callbacks, control, settings.callbacks, settings.insecure, asked)
