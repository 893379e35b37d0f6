"""How a publish names its topic: in full, or by the number that MQTT 5 lets stand for it once both were said together
(a topic alias), where the broker takes such numbers."""

from __future__ import annotations

from collections.abc import Callable

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from contract import topics

_ALIASES = {topics.UP: 1, topics.MANIFEST: 2}
"""Of what is said often, or at length."""


class Addressing:
    """Of one connection of one vehicle."""

    def __init__(self, vin: str, *, is_5: bool) -> None:
        self.aliases = 0
        """How many numbers the broker takes, once it has said so."""
        self._vin = vin
        self._is_5 = is_5
        self._named: set[str] = set()
        """What the broker knows the number of."""

    def of(self, leaf: str) -> tuple[str, Properties | None]:
        """Topic and properties of the next publish on it."""
        topic, alias = topics.topic(self._vin, leaf), _ALIASES.get(leaf)
        if alias is None or alias > self.aliases:
            return topic, None
        new: Callable[[int], Properties] = Properties
        properties = new(PacketTypes.PUBLISH)
        properties.TopicAlias = alias
        if leaf in self._named:
            return "", properties
        self._named.add(leaf)
        return topic, properties

    def packet_bytes(self, leaf: str, payload_bytes: int) -> int:
        """The size of a PUBLISH on the wire, of MQTT alone, at most: a topic that the broker knows takes less."""
        properties = 4 if self.aliases else 1 if self._is_5 else 0
        rest = 2 + len(topics.topic(self._vin, leaf)) + 2 + properties + payload_bytes
        return 1 + max(1, (rest.bit_length() + 6) // 7) + rest
