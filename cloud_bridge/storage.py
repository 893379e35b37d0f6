"""What is on disk, and what works on it alone: all that the command line needs but `serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloud_bridge.clock import clock_ms
from cloud_bridge.deriving.deriver import Deriver
from cloud_bridge.evaluating.evaluator import Evaluator
from cloud_bridge.profiles import Profiles
from cloud_bridge.pruning import Pruner
from cloud_bridge.services import Services
from cloud_bridge.settings import Settings
from cloud_bridge.store.sqlite.boots import SqliteBoots
from cloud_bridge.store.sqlite.callbacks import SqliteCallbacks
from cloud_bridge.store.sqlite.damage import SqliteDamage
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.derived import SqliteDerived
from cloud_bridge.store.sqlite.erasing import SqliteErasing
from cloud_bridge.store.sqlite.identities import SqliteIdentities
from cloud_bridge.store.sqlite.monitoring import SqliteMonitoring
from cloud_bridge.store.sqlite.monitors import SqliteMonitors
from cloud_bridge.store.sqlite.outbox import SqliteOutbox
from cloud_bridge.store.sqlite.pruning import SqlitePruning
from cloud_bridge.store.sqlite.reader import SqliteReader
from cloud_bridge.store.sqlite.received import SqliteReceiving
from cloud_bridge.store.sqlite.registry import SqliteRegistry
from cloud_bridge.store.sqlite.remote_actions import SqliteActions
from cloud_bridge.store.sqlite.uses import SqliteUses
from cloud_bridge.store.sqlite.watch_lists import SqliteWatchLists
from cloud_bridge.store.sqlite.webhook_secrets import SqliteWebhookSecrets
from cloud_bridge.threads.faults import Faults
from contract import shipped

if TYPE_CHECKING:
    from cloud_bridge.identity.issuing import Issuer


MONITORS_FAILED = "monitors that failed"
SET_ASIDE = "vehicles set aside for damage"
NOT_ALL_READ = "vehicles that a rebuild could not read all of"


class Storage:
    """An open database with its users. `close` it in the end."""

    def __init__(self, settings: Settings) -> None:
        """Raises StoreError when the database cannot be used."""
        self.settings = settings
        self.database = Database(settings.database.path)
        self.registry = SqliteRegistry(self.database)
        self.receiving = SqliteReceiving(self.database)
        self.pruner = Pruner(SqlitePruning(self.database), settings.retention, clock_ms)
        self.erasing = SqliteErasing(self.database)
        self.monitors = SqliteMonitors(self.database)
        self.watch_lists = SqliteWatchLists(self.database)
        self.uses = SqliteUses(self.database)
        self.callbacks = SqliteCallbacks(self.database)
        self.actions = SqliteActions(self.database)
        self.outbox = SqliteOutbox(self.database)
        self.webhook_secrets = SqliteWebhookSecrets(self.database)
        self.identities = SqliteIdentities(self.database)
        self.boots = SqliteBoots(self.database)
        self.services = Services(settings.services)
        self.profiles = Profiles(settings.vehicles.profiles, shipped.PROFILES, look_again_s=1.0)
        derived = SqliteDerived(self.database)
        self.damage = SqliteDamage(self.database)
        self.faults = Faults()
        self.deriver = Deriver(derived, self.damage, self.model_of, self.profiles, clock_ms, faults=self.faults)
        self.monitoring = SqliteMonitoring(self.database)
        self.evaluator = Evaluator(
            derived, self.monitoring, self.deriver.known, self.services, clock_ms, faults=self.faults
        )
        self.reader = SqliteReader(
            self.database, self.deriver.derive, self.deriver.derive_fleet, self.deriver.is_current
        )

    @property
    def issuer(self) -> Issuer:
        """Who gives vehicles certificates. Its folder is not looked into yet."""
        # Imported here: who has nothing to do with certificates does without what signs them.
        from cloud_bridge.identity.folder import Folder
        from cloud_bridge.identity.issuing import Issuer

        of = self.settings.identity
        return Issuer(Folder(of.folder), of.broker_folder, self.identities, of.lasts, clock_ms)

    def troubles(self) -> dict[str, int]:
        """What lasts until somebody sees to it: how often, by what. Raises StoreError."""
        return {
            MONITORS_FAILED: self.monitors.failed(),
            SET_ASIDE: len(self.damage.all_set_aside()),
            NOT_ALL_READ: len(self.damage.all_unreadable()),
        }

    def close(self) -> None:
        self.database.close()

    def model_of(self, vin: str) -> str | None:
        """The profile of a vehicle; None where it is not registered."""
        vehicle = self.registry.vehicle(vin)
        return None if vehicle is None else vehicle.model
