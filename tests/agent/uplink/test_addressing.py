from __future__ import annotations

import pytest

from agent.uplink.addressing import Addressing
from contract import topics

VIN = "VR3UPHNKSKT000001"
UP, MANIFEST, RESULT = (topics.topic(VIN, leaf) for leaf in (topics.UP, topics.MANIFEST, topics.RESULT))


def test_a_topic_is_named_once_and_then_called_by_its_number() -> None:
    addressing = Addressing(VIN, is_5=True)
    addressing.aliases = 10
    said = [addressing.of(leaf) for leaf in (topics.UP, topics.UP, topics.MANIFEST, topics.UP, topics.RESULT)]
    assert [topic for topic, _ in said] == [UP, "", MANIFEST, "", RESULT]
    numbers = [None if properties is None else properties.TopicAlias for _, properties in said]  # type: ignore[attr-defined]
    assert numbers == [1, 1, 2, 1, None]


@pytest.mark.parametrize(("aliases", "numbered"), [(0, []), (1, [topics.UP]), (2, [topics.UP, topics.MANIFEST])])
def test_the_broker_hears_no_more_numbers_than_it_takes(aliases: int, numbered: list[str]) -> None:
    addressing = Addressing(VIN, is_5=True)
    addressing.aliases = aliases
    assert [leaf for leaf in (topics.UP, topics.MANIFEST) if addressing.of(leaf)[1] is not None] == numbered


@pytest.mark.parametrize(("is_5", "aliases"), [(False, 0), (True, 0), (True, 10)])
@pytest.mark.parametrize("payload_bytes", [0, 80, 127, 128, 16_300, 16_384, 2_097_151])
def test_a_packet_is_as_long_as_it_is_said_to_be_at_most(is_5: bool, aliases: int, payload_bytes: int) -> None:
    addressing = Addressing(VIN, is_5=is_5)
    addressing.aliases = aliases
    said = addressing.packet_bytes(topics.UP, payload_bytes)
    assert _packet_bytes(addressing, payload_bytes, is_5=is_5) == said
    assert _packet_bytes(addressing, payload_bytes, is_5=is_5) <= said


def _packet_bytes(addressing: Addressing, payload_bytes: int, *, is_5: bool) -> int:
    """Of the next publish, as MQTT lays it out."""
    topic, properties = addressing.of(topics.UP)
    packed: bytes = properties.pack() if properties is not None else bytes(is_5)  # type: ignore[no-untyped-call]
    rest = 2 + len(topic) + 2 + len(packed) + payload_bytes
    return 1 + (1 if rest < 128 else 2 if rest < 16_384 else 3 if rest < 2_097_152 else 4) + rest
