"""A vehicle that is revoked is shut out at once, and proof of it is asked for.

The broker has read the newest list of revoked certificates when it refuses one that only that list names (the probe).
Then the vehicle's connection, made before, is ended by another one under its client id: of two, the broker keeps the
later, and forgets what waits for the first. The vehicle cannot come back.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.reasoncodes import ReasonCode

from cloud_bridge.identity.authority import key_pem, pem
from cloud_bridge.identity.issuing import PROBE_NAME, Pair
from cloud_bridge.mqtt.connection import leave, named, new_client
from cloud_bridge.settings import Mqtt

PATIENCE_S = 30.0
"""So long a broker may take to read the list."""
_ANSWER_S = 10.0
_REFUSAL_S = 0.5
_AGAIN_S = 0.25
_REVOKED = "SSLV3_ALERT_CERTIFICATE_REVOKED"
"""OpenSSL's name for alert 44."""
_NAME = PROBE_NAME.encode()
# MQTT 3.1.1: protocol, level 4, a clean session, 10 s of keep-alive, client id.
_CONNECT = bytes([0x10, 12 + len(_NAME)]) + b"\0\4MQTT\4\2\0\x0a\0" + bytes([len(_NAME)]) + _NAME
_CONNACK = b"\x20"


class StillInError(Exception):
    """The bridge refuses the vehicle, but the broker may still let it in; the text says why."""


def reload(command: Sequence[str]) -> None:
    """Has the broker read the list: `[identity] reload`. Raises StillInError."""
    if not command:
        return
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StillInError(f"[identity] reload cannot be run: {error}") from error
    if done.returncode:
        raise StillInError(f"[identity] reload ended with status {done.returncode}: {done.stderr.strip()[-500:]}")


def await_refusal(settings: Mqtt, port: int, probe: Pair, patience_s: float = PATIENCE_S) -> None:
    """Until the broker's listener for vehicles refuses the probe. Raises StillInError."""
    until_s = time.monotonic() + patience_s
    where = f"{settings.host}:{port} ([mqtt] host, [identity] vehicles_port)"
    with tempfile.TemporaryDirectory(prefix="canlift-probe-") as folder:
        certificate, key = Path(folder) / "probe.pem", Path(folder) / "probe.key"
        certificate.write_bytes(pem(probe.certificate))
        key.write_bytes(key_pem(probe.key))
        context = ssl.create_default_context(cafile=settings.ca_file)
        context.load_cert_chain(certificate, key)
    while True:
        failure: Exception | None = None
        try:
            if not _is_let_in(settings.host, port, context):
                return
        except (OSError, ValueError) as error:
            failure = error
        if time.monotonic() > until_s:
            if failure is not None:
                raise StillInError(f"the broker at {where} cannot be asked whether it refuses: {failure}") from failure
            raise StillInError(
                f"the broker at {where} has not read the list of revoked certificates within {patience_s:g} s: have it"
                " read its files (SIGHUP), and revoke again"
            )
        time.sleep(_AGAIN_S)


def disconnect(settings: Mqtt, vin: str) -> None:
    """Ends the vehicle's connection, and its session. Raises StillInError; OSError for files of credentials."""
    broker = named(settings)
    ended, came = threading.Event(), threading.Event()
    refusal: list[str] = []

    def connected(
        _client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            refusal.append(str(reason))
        came.set()

    def disconnected(*_: object) -> None:
        ended.set()
        came.set()

    client = new_client(settings, vin)
    client.on_connect, client.on_disconnect = connected, disconnected
    try:
        client.connect(settings.host, settings.port)
    except (OSError, UnicodeError) as error:
        raise StillInError(f"the broker at {broker} cannot be reached to disconnect {vin}: {error}") from error
    client.loop_start()
    try:
        if not came.wait(_ANSWER_S) or refusal or ended.is_set():
            why = refusal[0] if refusal else "it does not answer" if not came.is_set() else "it hangs up"
            raise StillInError(f"the broker at {broker} does not let us disconnect {vin}: {why}")
    finally:
        leave(client)


def _is_let_in(host: str, port: int, context: ssl.SSLContext) -> bool:
    """With TLS 1.3 a client's certificate is judged after the client's part is done: what comes then tells. Only a
    refusal for being revoked is one. Raises OSError."""
    with (
        socket.create_connection((host, port), _ANSWER_S) as line,
        context.wrap_socket(line, server_hostname=host) as secured,
    ):
        try:
            # What we say must not cross the refusal: a connection that is closed with something unread is reset, and
            # the refusal may be lost. It comes again the next time.
            secured.settimeout(_REFUSAL_S)
            with suppress(TimeoutError):
                secured.recv(1)
                raise OSError("it hangs up without a word")
            secured.settimeout(_ANSWER_S)
            secured.sendall(_CONNECT)
            answer = secured.recv(4)
        except ssl.SSLError as refusal:
            if refusal.reason == _REVOKED:
                return False
            raise
    if answer[:1] != _CONNACK:
        raise OSError("it hangs up without a word")
    return True
