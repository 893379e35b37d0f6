from __future__ import annotations

from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from cloud_bridge.mqtt.connection import leave, new_client
from cloud_bridge.settings import Mqtt


class Ending:
    """A client's thread that ends as it is looked for: paho compares it with its own, and then waits for it."""

    def __init__(self, client: mqtt.Client) -> None:
        self._client = client

    def __eq__(self, other: object) -> bool:
        self._client._thread = None
        return False

    __hash__ = None  # type: ignore[assignment]


def test_a_client_whose_thread_ends_as_it_is_waited_for_is_left_all_the_same() -> None:
    client = new_client(Mqtt(), "leaving")
    client._thread = Ending(client)  # type: ignore[assignment]
    with pytest.raises(AttributeError):
        client.loop_stop()
    client._thread = Ending(client)  # type: ignore[assignment]
    leave(client)


def test_a_file_that_cannot_be_used_is_named_with_its_setting(tmp_path: Path) -> None:
    there, absent, other = tmp_path / "ca.pem", tmp_path / "absent", tmp_path / "other.key"
    there.write_text("no certificate")
    for settings, complaint in (
        (Mqtt(tls=True, ca_file=absent), f"{absent} \\(\\[mqtt\\] ca_file\\): .*No such file"),
        (Mqtt(tls=True, ca_file=there), f"{there} \\(\\[mqtt\\] ca_file\\): has no certificates"),
        (Mqtt(tls=True, cert_file=there, key_file=other), f"{there} with the key {other} .*: cannot be used"),
        (Mqtt(user="bridge", password_file=absent), f"{absent} \\(\\[mqtt\\] password_file\\): .*No such file"),
    ):
        with pytest.raises(OSError, match=complaint):
            new_client(settings, "never connected")
