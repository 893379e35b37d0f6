"""How a chunk's messages and their kinds are written.

`body` is the messages in MessagePack, deflated: telemetry repeats its keys. `kinds` is small and read much more often,
so it is not: it says how many messages have exactly which kinds of data (`contract.catalog`), which answers how many
messages a query has without opening the body. `data` says the same of the data themselves, deflated: it is asked of
vehicles that show some of their data only. `clock` is the messages' times on the boot's clock, the first and how far
each is from the one before, in MessagePack, deflated: only deriving asks for it.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise

import msgspec

from cloud_bridge.records.messages import data_of, kinds_of
from cloud_bridge.records.model import Message, Origin

Kinds = list[tuple[list[str], int]]

_encode = msgspec.msgpack.Encoder().encode
_messages = msgspec.msgpack.Decoder(list[Message]).decode
_steps = msgspec.msgpack.Decoder(list[int]).decode
_kinds = msgspec.msgpack.Decoder(Kinds).decode


def pack(messages: Sequence[Message]) -> bytes:
    return zlib.compress(_encode([(one.at_ms, one.values, one.position) for one in messages]), 6)


def unpack(body: bytes) -> list[Message]:
    return _messages(zlib.decompress(body))


def pack_clock(messages: Sequence[Message]) -> bytes:
    """Empty where it is not known of each message."""
    times = [one.origin.at_ms for one in messages if one.origin is not None]
    if not times or len(times) < len(messages):
        return b""
    return zlib.compress(_encode([times[0], *(later - time for time, later in pairwise(times))]), 6)


def unpack_dated(body: bytes, clock: bytes, kernel: bytes) -> list[Message]:
    """The messages with their origin on the clock of `kernel`."""
    messages = unpack(body)
    if not clock:
        return messages
    times = accumulate(_steps(zlib.decompress(clock)))
    return [
        Message(one.at_ms, one.values, one.position, Origin(kernel, at_ms))
        for one, at_ms in zip(messages, times, strict=True)
    ]


def pack_kinds(messages: Sequence[Message]) -> bytes:
    counts = Counter(map(kinds_of, messages))
    return _encode(sorted(counts.items()))


@lru_cache(4096)
def count(kinds: bytes, wanted: frozenset[str]) -> int:
    """How many messages have data of `wanted`. A vehicle says much the same all day: most chunks are like others."""
    return sum(number for have, number in _kinds(kinds) if not wanted.isdisjoint(have))


def pack_data(messages: Sequence[Message]) -> bytes:
    counts = Counter(map(data_of, messages))
    return zlib.compress(_encode(sorted(counts.items())), 6)


@lru_cache(4096)
def count_data(data: bytes, wanted: frozenset[str]) -> int:
    """How many messages have one of the data `wanted`."""
    return sum(number for have, number in _kinds(zlib.decompress(data)) if not wanted.isdisjoint(have))
