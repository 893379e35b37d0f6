"""Decoders: from the payload of a frame to the values of its signals, by generated Python functions.

For each message and each list of wanted signals one function is written, compiled and kept: one `struct` call or a few
byte look-ups, then shifts and masks. That is several times faster than interpreting the layout for every frame. The
text is made of numbers of the layout and of local names that are numbered; no name, unit or comment of a database
enters it, so a database cannot put code into it. That is why the rule against `exec` is lifted for this module.

A raw value is the integer in the payload (signed if the signal is; the bit pattern of a float). A physical value is
`raw * scale + offset`, in that order, and equals what cantools gives for `decode_choices=False` to the last bit.
A value is None where the frame does not carry the signal: another multiplexer page, or a frame that ends before it.
Signals may overlap: each is read on its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from math import isfinite
from struct import Struct
from typing import cast

from agent.databases.layouts import MessageLayout, Multiplexer, SignalLayout
from agent.decode.bit_fields import read_text

RawDecoder = Callable[[bytes], tuple[int | None, ...]]
PhysicalDecoder = Callable[[bytes], tuple[int | float | None, ...]]

FLOAT_CODES = {16: "<e", 32: "<f", 64: "<d"}
"""IEEE 754 numbers by their bits, as `struct` names them."""


def raw_decoder(message: MessageLayout, wanted: Sequence[str], length: int | None = None) -> RawDecoder:
    """A function from a payload to the raw values of `wanted`, in that order.

    `length`: the bytes that the frame carries; the function wants a payload of that many bytes or a padded, longer one.
    None: any payload, at the price of one more look-up per call. Raises KeyError for a signal that the message lacks.
    """
    if length is None:
        return cast("RawDecoder", _AnyLength(message, wanted, physical=False))
    return cast("RawDecoder", _decoder(message, wanted, length, physical=False))


def physical_decoder(message: MessageLayout, wanted: Sequence[str], length: int | None = None) -> PhysicalDecoder:
    """As `raw_decoder`, with scale and offset applied: an int where both are whole numbers, else a float.

    A vehicle sends raw values and needs none of this: by it decoders are compared with others, which give such values.
    """
    if length is None:
        return _AnyLength(message, wanted, physical=True)
    return _decoder(message, wanted, length, physical=True)


class _AnyLength:
    """A decoder for payloads of any length: one function per length, up to the last byte that a wanted signal needs.
    Each is made when the first such payload comes: a service that starts need not wait for those of all messages."""

    def __init__(self, message: MessageLayout, wanted: Sequence[str], physical: bool) -> None:
        self._message = message
        self._wanted = tuple(wanted)
        self._physical = physical
        # A selector may stand behind what it selects.
        selectors = {name for signal in wanted for name, _ in message.signal(signal).multiplexer or ()}
        self._longest = max((message.signal(name).payload_bytes for name in {*wanted, *selectors}), default=0)
        self._by_length: dict[int, PhysicalDecoder] = {}

    def __call__(self, data: bytes) -> tuple[int | float | None, ...]:
        length = min(len(data), self._longest)
        decoder = self._by_length.get(length)
        if decoder is None:
            decoder = self._by_length[length] = _decoder(self._message, self._wanted, length, self._physical)
        return decoder(data)


def _decoder(message: MessageLayout, wanted: Sequence[str], length: int, physical: bool) -> PhysicalDecoder:
    by_name = {signal.name: signal for signal in message.signals}
    carried = {name: by_name[name] for name in wanted if _carried(by_name[name], by_name, length)}
    selectors = {name: by_name[name] for signal in carried.values() for name, _ in signal.multiplexer or ()}
    reading = read_text(list({**carried, **selectors}.values()))
    namespace = dict(reading.namespace)
    chosen = {name: f"s{number}" for number, name in enumerate(selectors)}
    pages: dict[Multiplexer, str] = {}
    lines = [*reading.lines, *(f"{local} = {reading.values[name]}" for name, local in chosen.items())]
    for signal in carried.values():
        if signal.multiplexer is not None and signal.multiplexer not in pages:
            pages[signal.multiplexer] = page = f"p{len(pages)}"
            lines.append(f"{page} = " + " and ".join(_is_one_of(chosen[name], ids) for name, ids in signal.multiplexer))
    values = []
    for name in wanted:
        if name in carried:
            signal = carried[name]
            value = _physical(signal, reading.values[name], namespace) if physical else reading.values[name]
            values.append(value if signal.multiplexer is None else f"{value} if {pages[signal.multiplexer]} else None")
        else:
            values.append("None")
    lines.append(f"return ({''.join(f'{value}, ' for value in values)})")
    text = "\n    ".join(["def decode(data):", *lines])
    exec(compile(text, "<generated decoder>", "exec"), namespace)
    return cast("PhysicalDecoder", namespace["decode"])


def _carried(signal: SignalLayout, by_name: Mapping[str, SignalLayout], length: int) -> bool:
    """Whether a payload of `length` bytes holds the signal and the selectors that say whether it is there."""
    selectors = [by_name[name] for name, _ in signal.multiplexer or ()]
    return all(part.payload_bytes <= length for part in (signal, *selectors))


def _is_one_of(selector: str, ids: Sequence[int]) -> str:
    """Whether a local holds one of `ids`; as ranges, since some databases list thousands."""
    runs = []
    for _, run in groupby(enumerate(sorted(set(ids))), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        first, last = members[0], members[-1]
        runs.append(f"{first} <= {selector} <= {last}" if first < last else f"{selector} == {first}")
    return f"({' or '.join(runs)})" if runs else "False"


def _physical(signal: SignalLayout, raw: str, namespace: dict[str, object]) -> str:
    """The expression of the physical value, rounded exactly as cantools rounds it."""
    scale, offset = signal.scale, signal.offset
    if not (isfinite(scale) and isfinite(offset)):
        raise ValueError(f"signal {signal.name}: scale {scale} and offset {offset} must be finite numbers")
    if signal.is_float:
        code = FLOAT_CODES[signal.length]
        namespace[f"unpack_{code[1]}"] = Struct(code).unpack
        raw = f"unpack_{code[1]}({raw}.to_bytes({signal.length // 8}, 'little'))[0]"
    elif float(scale).is_integer() and float(offset).is_integer():
        scale, offset = int(scale), int(offset)
    value = raw if scale == 1 else f"{raw} * {scale!r}"
    # 0 * -0.5 is -0.0, which nobody wants to read; adding 0 makes it 0.0.
    return value if offset == 0 and scale >= 0 else f"{value} + {offset!r}"
