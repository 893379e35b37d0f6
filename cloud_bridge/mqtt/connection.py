"""The broker as `[mqtt]` describes it: a client that is ready to connect to it, and a connection that lasts."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from cloud_bridge.settings import Mqtt

_properties: Callable[[int], Properties] = Properties


def new_client(settings: Mqtt, client_id: str, *, keeps_session: bool = False, manual_ack: bool = False) -> mqtt.Client:
    """With credentials and TLS, not connected. With MQTT 5 whether the session is kept is said when connecting.

    Raises OSError, with the file and its setting, when one that `settings` name cannot be used.
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
        client.username_pw_set(settings.user, _password(settings))
    if settings.tls:
        client.tls_set_context(_context(settings))
    return client


def _password(settings: Mqtt) -> str | None:
    file = settings.password_file
    if file is None:
        return None
    with _named(f"{file} ([mqtt] password_file): cannot be read"):
        return file.read_text("utf-8").strip()


def _context(settings: Mqtt) -> ssl.SSLContext:
    with _named(f"{settings.ca_file} ([mqtt] ca_file): has no certificates that can be used"):
        context = ssl.create_default_context(cafile=settings.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.cert_file is not None:
        of = f"{settings.cert_file} with the key {settings.key_file} ([mqtt] cert_file and key_file)"
        with _named(f"{of}: cannot be used as certificate"):
            context.load_cert_chain(settings.cert_file, settings.key_file)
    return context


@contextmanager
def _named(what: str) -> Iterator[None]:
    """What OpenSSL says of a file names neither the file nor the setting."""
    try:
        yield
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise OSError(f"{what}: {why}") from error


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
