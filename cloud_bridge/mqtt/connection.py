"""The broker as `[mqtt]` describes it: a client that is ready to connect to it, and a connection that lasts."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from cloud_bridge.settings import Mqtt

_properties: Callable[[int], Properties] = Properties


def new_client(settings: Mqtt, client_id: str, *, keeps_session: bool = False, manual_ack: bool = False) -> mqtt.Client:
    """With credentials and TLS, not connected. With MQTT 5 whether the session is kept is said when connecting.

    Raises OSError (ssl.SSLError included) when a file that `settings` name cannot be used.
    """
    newest = settings.protocol == 5
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id,
        clean_session=None if newest else not keeps_session,
        protocol=MQTTProtocolVersion.MQTTv5 if newest else MQTTProtocolVersion.MQTTv311,
        manual_ack=manual_ack,
    )
    if settings.user is not None:
        file = settings.password_file
        client.username_pw_set(settings.user, file.read_text("utf-8").strip() if file is not None else None)
    if settings.tls:
        context = ssl.create_default_context(cafile=settings.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.cert_file is not None:
            context.load_cert_chain(settings.cert_file, settings.key_file)
        client.tls_set_context(context)
    return client


def leave(client: mqtt.Client) -> None:
    """Disconnects, and waits until the client's thread has ended."""
    client.disconnect()
    # Disconnected it ends by itself; where it does so after paho has looked for it, there is nobody to wait for.
    with suppress(AttributeError):
        client.loop_stop()


def keep_connected(client: mqtt.Client, settings: Mqtt, in_flight: int, out: int) -> None:
    """Connects a client that keeps its session, and again whenever the connection is lost, in a thread of the client's
    with a back-off from 1 s to 30 s. With MQTT 5 the broker never has more than `in_flight` messages out to us; `out`:
    so many we have out to it, and wait to be sent."""
    client.reconnect_delay_set(min_delay=1, max_delay=30)
    client.max_inflight_messages_set(out)
    client.max_queued_messages_set(out)
    properties = None
    if settings.protocol == 5:
        properties = _properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = settings.session_expiry // 1000
        properties.ReceiveMaximum = in_flight
    client.connect_async(
        settings.host,
        settings.port,
        keepalive=max(1, settings.keepalive // 1000),
        clean_start=False if settings.protocol == 5 else mqtt.MQTT_CLEAN_START_FIRST_ONLY,
        properties=properties,
    )
    client.loop_start()


def named(settings: Mqtt) -> str:
    """The broker, for people."""
    return f"{settings.host}:{settings.port} ([mqtt] host and port)"
