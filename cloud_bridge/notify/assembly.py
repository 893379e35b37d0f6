"""Delivery of one bridge, put together."""

from __future__ import annotations

from collections.abc import Callable

from cloud_bridge.notify.addresses import Permitted
from cloud_bridge.notify.delivery import Delivery
from cloud_bridge.notify.plan import Planner
from cloud_bridge.notify.posting import Limits, Poster, certificates
from cloud_bridge.notify.registered import first_of, senders_of_callbacks, senders_of_monitors
from cloud_bridge.notify.resolving import SystemResolver
from cloud_bridge.settings import Settings
from cloud_bridge.storage import Storage
from cloud_bridge.threads.faults import Faults


def make_delivery(
    settings: Settings, storage: Storage, faults: Faults, clock_ms: Callable[[], int], on_failure: Callable[[], None]
) -> Delivery:
    """Raises OSError for the file of certificates."""
    posting = settings.notifications
    context = certificates(posting.ca_file)
    limits = Limits(posting.connect_timeout / 1000, posting.timeout / 1000)
    senders = first_of(
        senders_of_monitors(storage.monitors, insecure=settings.monitors.insecure),
        senders_of_callbacks(storage.callbacks, insecure=settings.remote.insecure),
    )
    return Delivery(
        storage.outbox,
        Planner(storage.outbox, senders, storage.webhook_secrets, clock_ms),
        lambda: Poster(context, Permitted(posting.networks), SystemResolver(), limits),
        faults,
        clock_ms,
        on_failure,
    )
