"""A fleet's yard: a bridge's settings, a real mosquitto as `canlift-bridge broker config` sets it up, and boxes that
the two programs enrolled."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from agent.cli import main as agent
from agent.identity.asking import requested
from agent.settings.uplink import Tls
from cloud_bridge.cli import main as bridge
from cloud_bridge.clock import clock_ms
from cloud_bridge.identity.authority import pem
from cloud_bridge.identity.issuing import Issuer
from cloud_bridge.mqtt.connection import leave
from cloud_bridge.settings import Settings, read_settings
from cloud_bridge.storage import Storage
from contract.configuration import Duration
from tests.agent.bridge import eventually
from tests.cloud_bridge.vehicle import MODEL, OTHER_VIN, VIN, write_profile
from tests.conftest import free_port

FLEET = "yard"
VINS = (VIN, OTHER_VIN)


class Box:
    """What is on one vehicle's box."""

    def __init__(self, folder: Path, vin: str) -> None:
        self.vin = vin
        self.folder = folder
        self.tls = Tls(folder / "ca.pem", folder / "vehicle.pem", folder / "vehicle.key")
        self.config = folder / "agent.toml"
        folder.mkdir()
        self.config.write_text(
            f'vin = "{vin}"\n[uplink.tls]\nca = "ca.pem"\ncertificate = "vehicle.pem"\nkey = "vehicle.key"\n'
        )

    def run(self, *words: str) -> int:
        return agent([*words, "--config", str(self.config)])

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.tls.ca)
        assert self.tls.certificate is not None
        context.load_cert_chain(self.tls.certificate, self.tls.key)
        return context


class Yard:
    def __init__(self, folder: Path, mosquitto: str) -> None:
        self.folder = folder
        self.config = folder / "bridge.toml"
        self.vehicles_port, self.bridge_port = free_port(), free_port()
        self._binary = mosquitto
        self._process: subprocess.Popen[bytes] | None = None
        write_profile(folder / "vehicles")
        self.config.write_text(
            f'[mqtt]\nhost = "localhost"\nport = {self.bridge_port}\ntls = true\nca_file = "identity/services.pem"\n'
            f'cert_file = "identity/bridge.pem"\nkey_file = "identity/bridge.key"\n'
            f"[identity]\nvehicles_port = {self.vehicles_port}\n"
        )

    def run(self, *words: str) -> int:
        return bridge([*words, "--config", str(self.config)])

    def furnish(self) -> None:
        """With authorities, a fleet of two vehicles, and the broker's files."""
        assert self.run("ca", "init") == 0
        assert self.run("fleet", "add", "Yard", "--id", FLEET) == 0
        for vin in VINS:
            assert self.run("vehicle", "add", vin, "--model", MODEL, "--fleet", FLEET) == 0
        assert self.run("broker", "config") == 0

    def enroll(self, box: Box) -> None:
        request, answer = box.folder / "vehicle.csr", box.folder / "answer.pem"
        assert box.run("enroll", "--request", str(request)) == 0
        assert self.run("vehicle", "enroll", box.vin, "--request", str(request), "--out", str(answer)) == 0
        assert box.run("enroll", "--answer", str(answer)) == 0

    def enroll_for(self, box: Box, seconds: int, ago_s: int = 0) -> None:
        """With a certificate that lasts so long, and was given so long ago."""
        storage = self.storage()
        request = requested(box.vin, box.folder / "vehicle.key")
        lasts = Duration(seconds * 1000)
        issuer = Issuer(
            storage.issuer.folder, self.folder / "broker", storage.identities, lasts, lambda: clock_ms() - ago_s * 1000
        )
        (box.folder / "answer.pem").write_bytes(pem(issuer.enroll(box.vin, request)) + issuer.chain())
        storage.close()
        assert box.run("enroll", "--answer", str(box.folder / "answer.pem")) == 0

    def enrolled(self, vin: str, name: str | None = None) -> Box:
        box = Box(self.folder / (name or vin), vin)
        self.enroll(box)
        return box

    @property
    def settings(self) -> Settings:
        return read_settings(self.config)

    def storage(self) -> Storage:
        return Storage(self.settings)

    def start_broker(self, *, by_script: bool = False) -> None:
        configuration = self.folder / "broker" / "mosquitto.conf"
        said = configuration.read_text()
        if (
            os.geteuid() == 0 and "user root" not in said
        ):  # mosquitto would become a user that may not look into the test's folder.
            configuration.write_text(f"user root\n{said}")
        command = [self._binary, "-c", str(configuration)]
        if by_script:
            command = ["sh", str(self.folder / "broker" / "run")]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert eventually(lambda: all(map(_listening, (self.vehicles_port, self.bridge_port))), 30)

    def reload_broker(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def reload_by(self) -> None:
        """Has `[identity] reload` do it."""
        assert self._process is not None
        text = self.config.read_text()
        self.config.write_text(f'{text}reload = ["kill", "-HUP", "{self._process.pid}"]\n')

    def stop_broker(self) -> None:
        if self._process is not None:
            self._process.terminate()
            assert self._process.wait(30) == 0
            self._process = None


@dataclass
class Client:
    """A connection to the broker, noting what happens on it."""

    port: int
    tls: ssl.SSLContext
    client_id: str
    host: str = "localhost"
    failure: str = ""
    """Why it was not let in, or why it ended."""
    received: list[tuple[str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connected = threading.Event()
        self.ended = threading.Event()
        self._acknowledged: dict[int, ReasonCode] = {}
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, self.client_id, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False
        )
        client.tls_set_context(self.tls)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = lambda _client, _userdata, message: self.received.append(
            (message.topic, bytes(message.payload))
        )
        client.on_publish = lambda _client, _userdata, mid, reason, _properties: self._acknowledged.update(
            {mid: reason}
        )
        self._client = client
        try:
            client.connect(self.host, self.port)
        except OSError as refused:
            self.failure = str(refused)
            self.ended.set()
        client.loop_start()
        assert eventually(lambda: self.connected.is_set() or self.ended.is_set(), 30)

    @property
    def let_in(self) -> bool:
        return self.connected.is_set()

    def publish(self, topic: str, payload: bytes = b"x") -> str:
        """What the broker says of it."""
        mid = self._client.publish(topic, payload, qos=1).mid
        assert eventually(lambda: mid in self._acknowledged, 30)
        return str(self._acknowledged[mid])

    def subscribe(self, *topics: str) -> None:
        done = threading.Event()
        self._client.on_subscribe = lambda *_: done.set()
        self._client.subscribe([(topic, 1) for topic in topics])
        assert done.wait(30)

    def close(self) -> None:
        leave(self._client)

    def _connected(
        self, _client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            self.failure = str(reason)
            self.ended.set()
        else:
            self.connected.set()

    def _disconnected(
        self, _client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        self.failure = str(reason)
        self.ended.set()


def lets_in(box: Box, port: int) -> bool:
    client = Client(port, box.context(), box.vin)
    client.close()
    return client.let_in


def refusal(box: Box, port: int) -> str:
    """What TLS says to a box that is not let in."""
    with (
        socket.create_connection(("localhost", port), 30) as line,
        box.context().wrap_socket(line, server_hostname="localhost") as secured,
    ):
        # The certificate is judged after the handshake, for us. What we say then must not cross the answer.
        secured.settimeout(30)
        try:
            return "closed" if not secured.recv(1) else "let in"
        except ssl.SSLError as refused:
            return str(refused.reason)


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
