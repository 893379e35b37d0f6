"""How a chunk's messages and their kinds are written.

`body` is the messages in MessagePack, deflated: telemetry repeats its keys. `kinds` is small and read much more often,
so it is not: it says how many messages have exactly which kinds of data (`contract.catalog`),
which answers how many messages a query has without opening the body.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from cloud_bridge.records.messages import kinds_of
from cloud_bridge.records.model import Message

Kinds = list[tuple[list[str], int]]

_encode = msgspec.msgpack.Encoder().encode
_messages = msgspec.msgpack.Decoder(list[Message]).decode
_kinds = msgspec.msgpack.Decoder(Kinds).decode


def pack(messages: Sequence[Message]) -> bytes:
    return zlib.compress(_encode(messages), 6)


def unpack(body: bytes) -> list[Message]:
    return _messages(zlib.decompress(body))


def pack_kinds(messages: Sequence[Message]) -> bytes:
    counts = Counter(map(kinds_of, messages))
    return _encode(sorted(counts.items()))


@lru_cache(4096)
def count(kinds: bytes, wanted: frozenset[str]) -> int:
    """How many messages have data of `wanted`. A vehicle says much the same all day: most chunks are like others."""
    return sum(number for have, number in _kinds(kinds) if not wanted.isdisjoint(have))
