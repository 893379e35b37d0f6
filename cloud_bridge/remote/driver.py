"""Goes on with remote actions that are due: looks, tells, sends, again and again until each is done.

What is to be done next is in the database, so any bridge can go on with any action, after a kill too. An action that a
bridge is at is leased: no other gets it until the lease ends. What is published is known by the action's id, so a
command that is sent twice is executed once. An action that shows a defect is given up, and the others go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from cloud_bridge.actions.life import Phase, until_ms
from cloud_bridge.remote.commands import command_for, is_about
from cloud_bridge.remote.control import Control
from cloud_bridge.remote.waking import Waker
from cloud_bridge.store.port.remote import RemoteAction
from cloud_bridge.threads.faults import Faults
from cloud_bridge.threads.working import Working
from contract.result import Outcome, Result
from contract.wire import WireError

PART = "remote actions"
LEASE_MS = 15_000
AT_ONCE = 16
"""Actions claimed together."""
POLL_S = 0.5
"""Another process may have written something, and a vehicle be heard."""

Publish = Callable[[str, bytes, int], bool]
"""Hands a command for the vehicle of a VIN to the broker, which keeps it for so many milliseconds; False: it cannot."""

log = logging.getLogger(__name__)


class Driver:
    """A thread. `start`, then `stop`; not to be started twice."""

    def __init__(
        self,
        control: Control,
        publish: Publish,
        key: bytes,
        waker: Waker,
        faults: Faults,
        clock_ms: Callable[[], int],
        on_told: Callable[[], None],
        on_failure: Callable[[], None],
    ) -> None:
        """`key`: the private one that signs. `on_told` is called after callbacks have something to be told,
        `on_failure` when the thread ends for another reason than `stop`."""
        self._control = control
        self._publish = publish
        self._key = key
        self._waker = waker
        self._faults = faults
        self._clock_ms = clock_ms
        self._on_told = on_told
        complaint = "remote actions cannot be gone on with now, trying again"
        self._working = Working("remote-driver", self.drive, POLL_S, on_failure, complaint=complaint)

    def start(self) -> None:
        self._working.start()

    def stop(self) -> None:
        self._working.stop()
        self._waker.close()

    def wake(self) -> None:
        """There is something to do."""
        self._working.wake()

    def take(self, vin: str, result: Result) -> None:
        """What a vehicle said of a command. Raises StoreError."""
        forged: list[str] = []

        def is_ours(action: RemoteAction) -> bool:
            ours = is_about(result, action, self._key)
            if not ours:
                forged.append(action.id)
            return ours

        action = self._control.answered(vin, result, self._clock_ms(), is_ours)
        if forged:
            log.warning("vehicle %s refuses a command that we do not send, by the id of action %s", vin, forged[0])
        elif result.outcome is Outcome.UNTRUSTED:
            log.error(
                "vehicle %s does not accept our key: its agent.toml needs what `canlift-bridge remote key` prints", vin
            )
        if action is not None and not forged:
            log.info("vehicle %s, action %s: %s", vin, action.id, result.outcome.name.lower())
            self._on_told()
        self.wake()

    def drive(self) -> int:
        """Goes on with all that is due; with how many. Raises StoreError."""
        number = 0
        while not self._working.stopping:
            now_ms = self._clock_ms()
            claimed = self._control.actions.claim(now_ms, now_ms + LEASE_MS, AT_ONCE)
            for action in claimed:
                if self._clock_ms() < now_ms + LEASE_MS and not self._working.stopping:
                    self._go_on_or_give_up(action)
            number += len(claimed)
            if len(claimed) < AT_ONCE:
                break
        return number

    def _go_on_or_give_up(self, action: RemoteAction) -> None:
        whose = f"action {action.id} of vehicle {action.vin}"
        with self._faults.sparing(PART, whose):
            self._go_on(action)
            return
        with self._faults.sparing(PART, whose):
            self._control.give_up(action, self._clock_ms())
            self._on_told()

    def _go_on(self, action: RemoteAction) -> None:
        now_ms = self._clock_ms()
        after = self._control.look(action, now_ms)
        if after is None:
            return
        if len(after.told) > len(action.told):
            self._on_told()
        # What is told as failed by then is not to wait at the broker any longer.
        expires_ms = min(after.life.expires_ms, until_ms(after.life, self._control.rules))
        try:
            command = command_for(after, self._key) if now_ms < expires_ms else None
        except WireError as error:
            # A defect of ours, or what another release has accepted; the other actions go on.
            log.error("action %s cannot be said to vehicle %s, and is given up: %s", after.id, after.vin, error)
            self._control.give_up(after, now_ms)
            self._on_told()
            return
        if command is not None:
            if after.life.phase is Phase.WAKING:
                self._waker.wake(after.vin, now_ms)
            if not self._publish(after.vin, command, expires_ms - now_ms):
                log.warning("action %s is not sent to vehicle %s: there is no broker now", after.id, after.vin)
