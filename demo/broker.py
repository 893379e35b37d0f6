"""An MQTT broker from a Python package, for the demo only: nothing to install, nothing left behind."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path

from iotcore import Broker

from demo.interrupts import undisturbed

_CONFIG = """\
id = 0

[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10

[v5.1]
name = "demo"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 1048576
max_inflight_count = 100
dynamic_filters = true
"""


def free_port() -> int:
    """A port on loopback that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def why_taken(port: int) -> str | None:
    """Why `port` of loopback cannot be listened on; None when it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as reason:
            return (reason.strerror or str(reason)).lower()
    return None


def start_broker(folder: Path, running: ExitStack) -> int:
    """Starts an MQTT 5 broker on loopback, to end with `running`; its port."""
    port = free_port()
    config = folder / "broker.toml"
    config.write_text(_CONFIG.format(port=port))
    with undisturbed():
        running.enter_context(Broker(config_path=str(config)))
    return port
