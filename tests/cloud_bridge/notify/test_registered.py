"""Monitors and remote callbacks are senders, with what their clients said and the published defaults."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from cloud_bridge.notify.registered import first_of, senders_of_callbacks, senders_of_monitors
from cloud_bridge.notify.sender import Batch, Retry, Sender
from cloud_bridge.store.port.monitors import Monitor
from cloud_bridge.store.port.remote import CallbackStatus, RemoteCallback
from tests.cloud_bridge.monitors.bodies import WEBHOOK, body, data
from tests.cloud_bridge.notify.waiting import FLEET


class Registered:
    """As much of the stores as senders need."""

    def __init__(self, monitor: Monitor | None = None, callback: RemoteCallback | None = None) -> None:
        self._monitor = monitor
        self._callback = callback

    def monitor(self, fleet_id: str, monitor_id: str) -> Monitor | None:
        one = self._monitor
        return one if one is not None and (fleet_id, monitor_id) == (one.fleet_id, one.id) else None

    def callback(self, fleet_id: str, callback_id: str) -> RemoteCallback | None:
        one = self._callback
        return one if one is not None and (fleet_id, callback_id) == (one.fleet_id, one.id) else None


def a_monitor(status: Literal["Running", "Paused", "Failed"] = "Running", **subscription: Any) -> Monitor:
    asked = body(data("low1", "vehicle.energy.electric.level", "lowerThan", "50"), **subscription)
    return Monitor("m1", FLEET, json.dumps(asked).encode(), status, 1, 1, 1)


def a_callback(status: CallbackStatus = "Running", **more: Any) -> RemoteCallback:
    asked = {"remoteTypes": ["Doors"], "callback": {"webhook": WEBHOOK}, **more}
    return RemoteCallback("c1", FLEET, json.dumps(asked).encode(), ("Doors",), status, 1, 1)


def of_monitor(monitor: Monitor, *, insecure: bool = False) -> Sender:
    found = senders_of_monitors(Registered(monitor), insecure=insecure)(FLEET, "m1")
    assert found is not None
    return found


def of_callback(callback: RemoteCallback) -> Sender:
    found = senders_of_callbacks(Registered(callback=callback))(FLEET, "c1")
    assert found is not None
    return found


def test_a_monitor_is_a_sender_with_the_published_defaults() -> None:
    found = of_monitor(a_monitor())
    assert (found.id, found.key, found.target) == ("m1", "monitorId", "https://partner.example.com/monitors")
    assert (found.batch, found.paused, found.insecure) == (None, False, False)
    assert found.retry == Retry("Bounded", 3, 10_000)
    assert of_monitor(a_monitor(), insecure=True).insecure
    assert of_monitor(a_monitor(batchNotify={"size": 5})).batch == Batch(5, 60_000)
    assert of_monitor(a_monitor(batchNotify={"size": 5, "timeWindow": 7})).batch == Batch(5, 7000)
    assert of_monitor(a_monitor(retryPolicy={"policy": "Always"})).retry == Retry("Always", 3, 10_000)
    asked = {"policy": "Bounded", "retryNumber": 9, "retryDelay": 120}
    assert of_monitor(a_monitor(retryPolicy=asked)).retry == Retry("Bounded", 9, 120_000)


def test_a_remote_callback_is_a_sender_likewise() -> None:
    found = of_callback(a_callback(retryPolicy={"policy": "None"}, batchNotify={"size": 2}))
    assert (found.id, found.key, found.target) == ("c1", "callbackId", "https://partner.example.com/monitors")
    assert (found.retry.policy, found.batch) == ("None", Batch(2, 60_000))
    assert of_callback(a_callback()).retry == Retry("Bounded", 3, 10_000)
    assert [of_callback(a_callback(status)).paused for status in ("Running", "Paused")] == [False, True]


@pytest.mark.parametrize(("status", "paused"), [("Running", False), ("Paused", True), ("Failed", False)])
def test_only_a_paused_monitor_is_a_paused_sender(status: Literal["Running", "Paused", "Failed"], paused: bool) -> None:
    assert of_monitor(a_monitor(status)).paused == paused


def test_what_nobody_knows_is_no_sender() -> None:
    registered = Registered(a_monitor(), a_callback())
    both = first_of(senders_of_monitors(registered), senders_of_callbacks(registered))
    assert both(FLEET, "m1") == of_monitor(a_monitor())
    assert both(FLEET, "c1") == of_callback(a_callback())
    assert both(FLEET, "gone") is None
    assert both("f2", "m1") is None
