"""The senders that there are: monitors and remote callbacks, as clients registered them.

`insecure`: whether targets of that kind may be `http` now, whatever they might when they were registered.
"""

from __future__ import annotations

from typing import Protocol

from cloud_bridge.actions import callback
from cloud_bridge.monitors import parameter
from cloud_bridge.notify.sender import Sender, SenderOf, sender_of
from cloud_bridge.store.port.monitors import Monitor
from cloud_bridge.store.port.remote import RemoteCallback


class OfMonitors(Protocol):
    """As much of `Monitors` as is needed here."""

    def monitor(self, fleet_id: str, monitor_id: str) -> Monitor | None: ...


class OfCallbacks(Protocol):
    """As much of `Callbacks` as is needed here."""

    def callback(self, fleet_id: str, callback_id: str) -> RemoteCallback | None: ...


def senders_of_monitors(monitors: OfMonitors, *, insecure: bool = False) -> SenderOf:
    def find(fleet_id: str, sender_id: str) -> Sender | None:
        monitor = monitors.monitor(fleet_id, sender_id)
        if monitor is None:
            return None
        asked = parameter.read(monitor.body).subscribe_param
        return sender_of(
            sender_id,
            "monitorId",
            fleet_id,
            asked.callback.webhook,
            asked.retry_policy,
            asked.batch_notify,
            paused=monitor.status == "Paused",
            insecure=insecure,
        )

    return find


def senders_of_callbacks(callbacks: OfCallbacks, *, insecure: bool = False) -> SenderOf:
    def find(fleet_id: str, sender_id: str) -> Sender | None:
        registered = callbacks.callback(fleet_id, sender_id)
        if registered is None:
            return None
        asked = callback.read(registered.body, insecure=True)
        return sender_of(
            sender_id,
            "callbackId",
            fleet_id,
            asked.callback.webhook,
            asked.retry_policy,
            asked.batch_notify,
            paused=registered.status == "Paused",
            insecure=insecure,
        )

    return find


def first_of(*sources: SenderOf) -> SenderOf:
    """The sender of the first that knows it."""

    def find(fleet_id: str, sender_id: str) -> Sender | None:
        return next((found for one in sources if (found := one(fleet_id, sender_id)) is not None), None)

    return find
