"""The uplink: publishes what is pending, and lets the journal go of what the bridge has receipted.

One thread owns the connection, and a connection is used once (`agent.uplink.connection`): nothing is queued that is not
in the journal too, so a lost connection loses nothing, and memory is bounded by what may be in flight
(`agent.uplink.flight`). What is said on a connection is `agent.uplink.exchange`.

* Brokers are tried in turn, with exponential back-off and full jitter, because a fleet must not come back all at once.
  A broker that accepts and then says nothing, to CONNECT, to SUBSCRIBE or to publishes, is left for the next one.
* On MQTT 5 the broker is asked to keep our session for a while: receipts that come during a short gap wait there. It is
  not relied upon: when the broker has forgotten us, all that was in flight is sent again at once.
* Where the line is metered and the budget is used up (`agent.uplink.budget`), there is no connection at all.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from agent.journal.journal import Journal
from agent.journal.manifests import Manifests
from agent.settings.uplink import UplinkSettings
from agent.uplink.accounting import Accounting
from agent.uplink.bridge_time import BridgeTime
from agent.uplink.budget import Budget
from agent.uplink.certificate import CertificateWatch
from agent.uplink.counters import Counters
from agent.uplink.credentials import CredentialsError
from agent.uplink.dialogue import Dialogue
from agent.uplink.exchange import Exchange
from agent.uplink.happened import ConnectionLostError
from agent.uplink.orders import Orders
from agent.uplink.renewal import Renewal

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from agent.uplink.connection import Connection
    from agent.watching.desired import Desired

log = logging.getLogger(__name__)

_LONGEST_WAIT_S = 1.0
"""The MQTT client wants to look at its keep-alive this often."""
_BUDGET_LOOK_S = 30.0
"""So often it is looked whether a used-up budget has begun anew."""
_STOPPING_S = 2.0
"""So long the end waits for a connection that is being made."""


class Uplink:
    """Starts with `start` or as a context. `clock` gives monotonic seconds, the journal's."""

    def __init__(
        self,
        vin: str,
        settings: UplinkSettings,
        journal: Journal,
        manifests: Manifests,
        clock: Callable[[], float],
        bridge_time: BridgeTime | None = None,
        *,
        utc_ms: Callable[[], int | None] = lambda: None,
        orders: Orders | None = None,
        desired: Desired | None = None,
        budget_file: Path | None = None,
    ) -> None:
        """`utc_ms` is the best time that is known; in `budget_file` the budget survives restarts.

        Raises CredentialsError when certificates or password cannot be used.
        """
        self.counters = Counters()
        self.orders = orders if orders is not None else Orders(vin)
        self.desired = desired
        """What is to be watched; None where the cloud may not say that."""
        self.budget = Budget(settings.budget, budget_file, clock, utc_ms)
        self.failure = ""
        """Why the last connection ended or did not come about; empty while there is one."""
        self._vin = vin
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._utc_ms = utc_ms
        self._certificate = CertificateWatch(settings, clock, utc_ms)
        self._certificate.read()
        renewal = None
        if settings.tls is not None and settings.tls.certificate is not None and settings.tls.key is not None:
            renewal = Renewal(vin, settings.tls.certificate, settings.tls.key, self._certificate, clock, utc_ms)
        self._dialogue = Dialogue(self.orders, desired, renewal)
        self._accounting = Accounting(self.counters, self.budget)
        self._exchange = Exchange(vin, settings, journal, manifests, self._dialogue, self.counters, clock, bridge_time)
        self._brokers = cycle(settings.addresses())
        self._connected = False
        self._budget_spent = self.budget.allows() is None
        self._stopping = threading.Event()
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Closes the connection. What is not receipted stays in the journal.

        Nothing interrupts a connection that is being made: it is left to itself after a while, and ends once made.
        """
        self._stopping.set()
        self.wake()
        if self._thread.ident is None:
            self._close_wake()
        else:
            self._thread.join(_STOPPING_S)

    def wake(self) -> None:
        """Something is pending: look at the journal now. May be called from any thread."""
        # It may have been woken often enough already, or have ended.
        with suppress(OSError):
            self._wake.send(b"\0")

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def connected(self) -> bool:
        return self._connected

    @property
    def budget_spent(self) -> bool:
        """Whether there is no connection on purpose: the line is metered, and its budget is used up."""
        return self._budget_spent

    @property
    def bridge_silent(self) -> bool:
        """Whether uploads reach a broker and nobody receipts them."""
        return self._exchange.bridge_silent

    @property
    def put_aside(self) -> int:
        """Uploads and manifests that do not get through, while others may."""
        return self._exchange.put_aside

    @property
    def settled(self) -> bool:
        """Whether everything is receipted and the bridge asks for no manifest any more."""
        return self._exchange.settled

    def certificate_days(self) -> float | None:
        """How long the vehicle's certificate still holds, negative when it has ended; None where nobody knows."""
        return self._certificate.days()

    def _run(self) -> None:
        try:
            self._connect_again_and_again()
        finally:
            self._close_wake()

    def _close_wake(self) -> None:
        self._wake.close()
        self._woken.close()

    def _connect_again_and_again(self) -> None:
        # Here, in the uplink's own thread: the vehicle is not to wait until all that MQTT needs is loaded.
        import random

        from tenacity import RetryError, Retrying
        from tenacity.nap import sleep_using_event
        from tenacity.retry import retry_if_exception_type
        from tenacity.stop import stop_when_event_set
        from tenacity.wait import wait_random_exponential

        first_s = self._settings.first_backoff / 1000
        retrying = Retrying(
            retry=retry_if_exception_type(ConnectionLostError),
            wait=wait_random_exponential(multiplier=first_s, max=self._settings.longest_backoff / 1000),
            stop=stop_when_event_set(self._stopping),
            sleep=sleep_using_event(self._stopping),
            before_sleep=self._log_failure,
        )
        jitter = random.SystemRandom()
        while not self._stopping.is_set():
            self._budget_spent = self.budget.allows() is None
            if self._budget_spent:
                self._stopping.wait(_BUDGET_LOOK_S)
                continue
            try:
                retrying(self._one_connection)
            except RetryError:
                return  # Stopped while waiting for a broker.
            self._stopping.wait(jitter.uniform(0, first_s))

    def _one_connection(self) -> None:
        """Serves one connection until it ends; raises ConnectionLostError when it ended without having been of use."""
        receipted_before = self.counters.receipted
        began_s = self._clock()
        connection = self._to_the_next()
        self._accounting.begin()
        try:
            connection.open(self._woken)
            self.counters.connections += 1
            self.failure = ""
            log.info("connected to %s", connection)
            self._exchange.begin(remembered=connection.remembered, largest_packet=connection.largest_packet)
            self._connected = True
            self._serve(connection)
        except ConnectionLostError as lost:
            self._exchange.blame()
            why = self._certificate.blamed(str(lost))
            self._failed(f"{connection}: {why}")
            lasted_s = self._clock() - began_s
            if self.counters.receipted == receipted_before and lasted_s < self._settings.longest_backoff / 1000:
                raise ConnectionLostError(f"{connection}: {why}") from lost
            log.warning("%s: %s; %d uploads are pending", connection, why, self._journal.depth)
        finally:
            self._connected = False
            self._account(connection)
            connection.close()
            if self._stopping.is_set():
                self.budget.keep()

    def _to_the_next(self) -> Connection:
        """A connection to the next broker, not opened yet. Raises ConnectionLostError when credentials are unusable."""
        from agent.uplink.connection import Connection

        address = next(self._brokers)
        try:
            tls, password = self._certificate.read()
        except CredentialsError as wrong:
            self._failed(str(wrong))
            raise ConnectionLostError(str(wrong)) from wrong
        return Connection(
            self._vin,
            address,
            self._settings,
            tls,
            password,
            self._clock,
            self._utc_ms,
            wanted=tuple(self._dialogue.topics()),
            stopping=self._stopping.is_set,
        )

    def _serve(self, connection: Connection) -> None:
        """Until we are stopped or the budget is used up. Raises ConnectionLostError."""
        wait_s = min(_LONGEST_WAIT_S, self._settings.receipt_timeout / 4000)
        while not self._stopping.is_set():
            allowed = self.budget.allows()
            if allowed is None:
                log.warning("the budget is used up: %d uploads wait for the next period", self._journal.depth)
                return
            self._certificate.warn()
            self._exchange.send(connection, allowed)
            self._exchange.note(connection.wait(wait_s, self._woken))
            self._account(connection)

    def _account(self, connection: Connection) -> None:
        if self._accounting.note(connection.traffic):
            self._exchange.moved()

    def _failed(self, why: str) -> None:
        self.counters.failures += 1
        self.failure = why

    def _log_failure(self, state: RetryCallState) -> None:
        failure = state.outcome.exception() if state.outcome is not None else None
        wait_s = state.next_action.sleep if state.next_action is not None else 0
        log.warning("%s; next try in %.1f s; %d uploads are pending", failure, wait_s, self._journal.depth)
