"""Device messages as frames: the way from a device to the sampler.

What the box says about itself goes the way of every other value: as a frame of a bus that is called as the message
(`contract.profile.devices`), with the id 0, decoded, checked, sampled and sent like those of a CAN bus. Two things are
different: such a frame never wakes a sleeping vehicle, and it is none of the frames that the ledger counts.

The payload is a signed integer of 32 bits for each signal of the message, in order, little-endian; what the message
carries besides (`GNSS` its UTC) comes after these. The least integer stands for "not available".
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence

from agent.bus.frame import Frame
from agent.databases.layouts import MessageLayout, SignalLayout
from contract.manifest import Signal
from contract.profile.devices import DEVICES

ABSENT = -(1 << 31)
_GREATEST = (1 << 31) - 1

_CYCLES_MS = {
    "GNSS": 1000,
    "Modem": 60_000,
    "Power": 10_000,
    "Diagnosis": 600_000,
    "Privacy": 10_000,
    "Box": 60_000,
    "ConditioningPrograms": 600_000,
    "ChargingPrograms": 600_000,
}
"""How often each device says again what it said: a value that is not is stale after some three of these."""
_LIMITS = {"GNSS.Longitude": (-180, 180), "GNSS.Latitude": (-90, 90)}


def frame(at_ms: int, message: str, raws: Iterable[int | None], rest: bytes = b"") -> Frame:
    """The frame of a message. `raws` are raw values of all its signals, in order; None, or one of more than 32 bits,
    is not available."""
    values = [ABSENT if raw is None or not ABSENT < raw <= _GREATEST else raw for raw in raws]
    if len(values) != len(DEVICES[message]):
        raise ValueError(f"{message} has {len(DEVICES[message])} signals, found {len(values)} values")
    return Frame(at_ms, message, 0, False, struct.pack(f"<{len(values)}i", *values) + rest)


def frame_of(at_ms: int, message: str, values: Mapping[str, float | None]) -> Frame:
    """The frame of a message with physical values, by the names of signals without the message's; others are absent."""
    raws = []
    for signal in DEVICES[message]:
        value = values.get(_short(signal))
        raws.append(None if value is None else round(value / signal.scale))
    return frame(at_ms, message, raws)


def decoder(message: str, wanted: Sequence[str]) -> Callable[[bytes], tuple[int | None, ...]]:
    """A function from a payload to the raw values of the `wanted` signals (named as in `frame_of`). Raises KeyError."""
    positions = {_short(signal): position for position, signal in enumerate(DEVICES[message])}
    slots = tuple(positions[name] for name in wanted)
    unpack = struct.Struct(f"<{len(positions)}i").unpack_from

    def decode(data: bytes) -> tuple[int | None, ...]:
        values = unpack(data)
        return tuple(None if values[slot] == ABSENT else values[slot] for slot in slots)

    return decode


def layout(message: str) -> MessageLayout:
    """The message as a database would describe it. Raises KeyError for one that is no device's."""
    return MessageLayout(
        name=message,
        id=0,
        extended=False,
        fd=False,
        length=4 * len(DEVICES[message]),
        cycle_ms=_CYCLES_MS[message],
        signals=tuple(_signal_layout(position, signal) for position, signal in enumerate(DEVICES[message])),
    )


def _signal_layout(position: int, signal: Signal) -> SignalLayout:
    minimum, maximum = _LIMITS.get(signal.name, (None, None))
    return SignalLayout(
        name=_short(signal),
        start=32 * position,
        length=32,
        signed=True,
        scale=signal.scale,
        offset=signal.offset,
        minimum=minimum,
        maximum=maximum,
        unit=signal.unit,
        choices=dict(signal.choices),
    )


def _short(signal: Signal) -> str:
    return signal.name.partition(".")[2]
