from __future__ import annotations

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
