"""The broker as `[mqtt]` describes it: a client that is ready to connect to it."""

from __future__ import annotations

import ssl

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from cloud_bridge.settings import Mqtt


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


def named(settings: Mqtt) -> str:
    """The broker, for people."""
    return f"{settings.host}:{settings.port} ([mqtt] host and port)"
