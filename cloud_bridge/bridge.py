"""The bridge, put together: store, ingest, derivation and API in one process.

`Bridge` runs without HTTP of its own: `Bridge.app` is the API for any ASGI server. What it starts: the broker's network
thread, the writer (both in `ingest.subscription`), what goes on with remote actions (`remote_control`), a thread that
derives what nobody reads, soon after it came, one that evaluates monitors as soon as what they watch came
(`evaluating.watcher`), one that posts what these tell (`notify.delivery`), one that saves how often clients asked, and
one that deletes what is older than it is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.applications import Starlette

from cloud_bridge.access.limits import SAVE_S, Limits
from cloud_bridge.access.secrets import Verifier
from cloud_bridge.api.app import create_app
from cloud_bridge.api.capabilities import served_by
from cloud_bridge.clock import clock_ms, steady_clock, told_ms
from cloud_bridge.evaluating.watcher import Watcher
from cloud_bridge.identity.doubles import DoublesWatch
from cloud_bridge.identity.ending import EndingCertificates, of_services
from cloud_bridge.identity.strangers import Strangers
from cloud_bridge.ingest.ingest import Ingest, Receipts
from cloud_bridge.ingest.subscription import Subscription
from cloud_bridge.notify.assembly import make_delivery
from cloud_bridge.pruning import describe
from cloud_bridge.remote.key import command_key
from cloud_bridge.remote_control import Remotes
from cloud_bridge.settings import Settings
from cloud_bridge.storage import Storage
from cloud_bridge.threads.working import Working
from cloud_bridge.watch_lists.line import Line
from cloud_bridge.watch_lists.pushing import Pushing
from contract.configuration import ConfigurationError

SWEEP_S = 1.0
"""What came is derived after at most this time, also if nobody asks."""
IDLE_SWEEP_S = 30.0
"""Another process may have left something to derive."""
FIRST_PRUNE_S, PRUNE_S = 60.0, 3600.0
"""After the start, and from one time to the next, what is older than it is kept is deleted."""
BREATH_S = 0.05
"""Between two steps of that."""
PAGE_KEY = "page-token"

if TYPE_CHECKING:
    from cloud_bridge.identity.renewing import Renewing

log = logging.getLogger(__name__)


class Bridge:
    """One process's bridge. `start`, then `stop`; not to be started twice."""

    def __init__(
        self,
        settings: Settings,
        on_failure: Callable[[], None] = lambda: None,
        first_prune_s: float = FIRST_PRUNE_S,
    ) -> None:
        """Raises StoreError when the database cannot be used, and OSError for files of credentials and certificates.
        `on_failure` is called from a thread of the bridge that had to give up."""
        self.storage = Storage(settings)
        try:
            self._name_missing_profiles()
            self._name_missing_services()
            ingest = Ingest(self.storage.receiving, clock_ms, lambda: told_ms(settings.clock.trusted))
            self.subscription = Subscription(settings.mqtt, ingest, self._committed, on_failure)
            self.faults = self.storage.faults
            strangers = Strangers(self.storage.receiving, clock_ms)
            self.delivery = make_delivery(settings, self.storage, self.faults, clock_ms, on_failure)
            self.remotes = Remotes(
                settings, self.storage, strangers, self.faults, clock_ms, self.delivery.wake, on_failure
            )
            self.watch_line = Line(settings.mqtt, self._look_at_watch_lists)
            self.pushing = Pushing(
                self.storage.watch_lists,
                self.storage.monitors,
                self.storage.profiles,
                self.watch_line,
                strangers,
                self.faults,
                command_key(self.storage.registry),
                clock_ms,
                on_failure,
            )
            self.renewing = self._make_renewing(settings)
            self.limits = Limits(self.storage.uses, steady_clock())
            self.app = self._make_app(settings)
        except BaseException:
            self.storage.close()
            raise
        self._watcher = self._make_watcher(on_failure)
        self._ending = EndingCertificates(of_services(settings), lambda: datetime.now(UTC))
        self._doubles = DoublesWatch(self.storage.boots, clock_ms, on_failure)
        self._sweeper = Working(
            "derive-sweeper",
            self._sweep,
            IDLE_SWEEP_S,
            on_failure,
            first_s=IDLE_SWEEP_S,
            complaint="what vehicles sent cannot be derived now, trying again",
        )
        self._pruner = Working(
            "pruner",
            self._prune,
            PRUNE_S,
            on_failure,
            first_s=first_prune_s,
            complaint="what is older than it is kept cannot be deleted now, trying again later",
        )
        self._saver = Working(
            "limits-saver",
            self.limits.save,
            SAVE_S,
            on_failure,
            first_s=SAVE_S,
            complaint="how often clients asked cannot be saved now, trying again",
        )

    def start(self) -> None:
        self._ending.look()
        self._sweeper.start()
        self._saver.start()
        self._pruner.start()
        self._doubles.start()
        self._watcher.start()
        self.delivery.start()
        self.subscription.start()
        self.remotes.start()
        self.watch_line.start()
        self.pushing.start()
        if self.renewing is not None:
            self.renewing.start()

    def stop(self) -> None:
        """Commits and receipts what has come, then ends; what is not derived yet is when it is next read."""
        self.subscription.stop()
        self.remotes.stop()
        self.pushing.stop()
        if self.renewing is not None:
            self.renewing.stop()
        self.watch_line.stop()
        self.storage.deriver.stop()
        self._watcher.stop()
        self.delivery.stop()
        self._sweeper.stop()
        self._saver.stop()
        self.limits.save()
        self._pruner.stop()
        self._doubles.stop()
        self.storage.close()

    def settle(self, timeout_s: float) -> bool:
        """Waits until everything received is committed, derived, and evaluated by monitors; whether it is."""
        if not self.subscription.wait_idle(timeout_s):
            return False
        self.storage.deriver.sweep()
        return self._watcher.wait_idle(timeout_s)

    def _make_renewing(self, settings: Settings) -> Renewing | None:
        """None where there is no authority to sign certificates."""
        issuer = self.storage.issuer
        if not issuer.folder.there:
            return None
        from cloud_bridge.identity.renewing import Renewing

        return Renewing(settings.mqtt, issuer, self.storage.identities, clock_ms)

    def _make_watcher(self, on_failure: Callable[[], None]) -> Watcher:
        there = self.storage
        return Watcher(there.deriver, there.monitoring, there.evaluator, self.delivery.wake, on_failure)

    def _make_app(self, settings: Settings) -> Starlette:
        return create_app(
            self.storage.reader,
            settings.api.url,
            lambda: datetime.now(UTC),
            verify=Verifier(),
            served=self._served,
            page_key=self.storage.registry.key(PAGE_KEY),
            monitors=self.storage.monitors,
            monitoring=settings.monitors,
            remote=self.remotes.service,
            label=self._label,
            services=self.storage.services,
            limits=self.limits,
            changed=self.delivery.resume,
            faults=self.faults,
            troubles=self.storage.troubles,
        )

    def _name_missing_profiles(self) -> None:
        """One model without a profile must not keep the others from being served."""
        for model in sorted({vehicle.model for vehicle in self.storage.registry.all_vehicles()}):
            try:
                self.storage.profiles.of(model)
            except ConfigurationError as error:
                log.error("vehicles of model %s are taken in, but not derived nor served:\n%s", model, error)

    def _name_missing_services(self) -> None:
        for vehicle in self.storage.registry.all_vehicles():
            for name in self.storage.services.unknown(vehicle.services):
                log.error(
                    "vehicle %s has a service %s that is not in [services] of the settings: it shows nothing",
                    vehicle.vin,
                    name,
                )

    def _served(self, model: str) -> frozenset[str]:
        try:
            profile = self.storage.profiles.of(model).profile
        except ConfigurationError:
            return frozenset()
        return served_by(profile)

    def _label(self, model: str) -> str:
        try:
            return self.storage.profiles.of(model).profile.label
        except ConfigurationError:
            return model

    def _look_at_watch_lists(self) -> None:
        self.pushing.wake()

    def _committed(self, receipts: Receipts) -> None:
        if receipts.by_vin:
            self._watcher.came(receipts.by_vin)
            self._sweeper.wake()

    def _prune(self) -> None:
        self._ending.look()
        pruned = self.storage.pruner.prune(lambda: self._pruner.pause(BREATH_S))
        log.log(logging.INFO if pruned else logging.DEBUG, describe(pruned))

    def _sweep(self) -> None:
        # A moment's patience derives what comes in the meantime at once.
        if self._sweeper.pause(SWEEP_S):
            self.storage.deriver.sweep()
