"""What the broker keeps for a vehicle: its watch list, and a command that waits for it. Both are retained, so they stay
when the vehicle is erased or shut out, until somebody takes them back.
"""

from __future__ import annotations

import secrets
import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cloud_bridge.mqtt.connection import leave, named, new_client
from cloud_bridge.settings import Mqtt
from contract.topics import RETAINED, topic

_PATIENCE_S = 10.0


class StillKeptError(Exception):
    """The broker may still keep something of the vehicle; the text says why."""


def take_back(settings: Mqtt, vin: str) -> None:
    """The broker keeps nothing for it when this returns. Raises StillKeptError; OSError for files of credentials."""
    broker, over, refusals = named(settings), threading.Event(), list[str]()

    def connected(
        _client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            refusals.append(f"it refuses the connection: {reason}")
            over.set()

    taken = set[int]()

    def published(
        _client: mqtt.Client, _userdata: object, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            refusals.append(f"it does not let us: {reason}")
        taken.add(mid)
        if len(taken) == len(RETAINED):
            over.set()

    # Under the bridge's own name the broker would throw the bridge out.
    client = new_client(settings, f"{settings.client_id}-{secrets.token_hex(4)}")
    client.on_connect, client.on_publish = connected, published
    until_s = time.monotonic() + _PATIENCE_S
    try:
        client.connect(settings.host, settings.port)
    except (OSError, UnicodeError) as error:
        raise _still_kept(vin, broker, f"it cannot be reached: {error}") from error
    client.loop_start()
    try:
        for leaf in RETAINED:
            client.publish(topic(vin, leaf), b"", qos=1, retain=True)
        if not over.wait(max(0.0, until_s - time.monotonic())):
            refusals.append(f"it said nothing within {_PATIENCE_S:g} s")
    finally:
        leave(client)
    if refusals:
        raise _still_kept(vin, broker, refusals[0])


def _still_kept(vin: str, broker: str, why: str) -> StillKeptError:
    return StillKeptError(
        f"the broker at {broker} may still keep a watch list or a command for {vin}: {why}. When it can be reached, do"
        " the same again"
    )
