"""Decoding: the generated functions against cantools, on a minute of a real drive.

The stream is the powertrain bus of a Toyota RAV4 as SocketCAN hands it over: frames of 16 bytes in one buffer. All its
frames count, those of unknown ids too. cantools is given its frames already cut into ids and payloads, and for the
wanted signals only the messages that hold them; both run in turn, and the medians of CPU time are compared.
"""

from __future__ import annotations

import gzip
import json
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

import cantools
from cantools.database.can import Database, Message

from agent.databases.layouts import MessageLayout
from agent.databases.loading import load
from agent.decode.decoders import PhysicalDecoder, physical_decoder
from bench.measure import Measure

ROUNDS = 9
ALL_BUDGET = 3.5
WANTED_BUDGET = 7.0
KEY_AND_PAYLOAD = struct.Struct("<Q8s")
"""A classical `struct can_frame`, little-endian: id, flags and length are one integer, the key of a decoder."""

Frames = list[tuple[int, bytes]]
Decoders = dict[int, PhysicalDecoder]


def run(shared: Path) -> list[Measure]:
    path = shared / "data/dbc/toyota_rav4_merged.dbc"
    frames = frames_of(shared / "data/logs/toyota_rav4_2018_comma2k19_60s.log.gz")
    wanted = _wanted(shared / "data/bench/rav4_wanted.json")
    layouts = load(path).layouts
    names = {layout.name: [signal.name for signal in layout.signals] for layout in layouts}
    database = cantools.database.load_file(path, strict=False)
    if not isinstance(database, Database):
        raise TypeError(f"{path} is no database of CAN messages")
    messages = {message.frame_id: message for message in database.messages}
    some = {can_id: message for can_id, message in messages.items() if message.name in wanted}
    buffer = b"".join(KEY_AND_PAYLOAD.pack(key_of(can_id, data), data.ljust(8, b"\0")) for can_id, data in frames)
    every_signal, wanted_signals = _decoders(frames, layouts, names), _decoders(frames, layouts, wanted)
    wrong = _wrong(frames, every_signal, messages, names) + _wrong(frames, wanted_signals, some, wanted)
    seconds = _interleaved(
        {
            "cantools, all": lambda: _decode_by_cantools(frames, messages),
            "canlift, all": lambda: _decode(buffer, every_signal),
            "cantools, wanted": lambda: _decode_by_cantools(frames, some),
            "canlift, wanted": lambda: _decode(buffer, wanted_signals),
        }
    )
    per_frame_us = {name: 1e6 * median(times) / len(frames) for name, times in seconds.items()}
    measures = [Measure("decode: wrong values", wrong, "values", 0, True, "cantools' values")]
    for what, budget in (("wanted", WANTED_BUDGET), ("all", ALL_BUDGET)):
        ours, theirs = per_frame_us[f"canlift, {what}"], per_frame_us[f"cantools, {what}"]
        baseline = f"cantools {theirs:.2f} µs a frame, canlift {ours:.2f} µs"
        measures.append(Measure(f"decode: {what} signals, times cantools", theirs / ours, "×", budget, False, baseline))
    return measures


def frames_of(log: Path) -> Frames:
    frames = []
    with gzip.open(log, "rt") as lines:
        for line in lines:
            _, bus, frame = line.split()
            if bus == "can0":
                can_id, data = frame.split("#")
                frames.append((int(can_id, 16), bytes.fromhex(data)))
    return frames


def _wanted(file: Path) -> dict[str, list[str]]:
    wanted: dict[str, list[str]] = {}
    for names in json.loads(file.read_text("utf-8")).values():
        for name in names:
            message, signal = name.split(".")
            wanted.setdefault(message, []).append(signal)
    return wanted


def key_of(can_id: int, data: bytes) -> int:
    """Of a frame whose id has 11 bits."""
    return can_id | len(data) << 32


def _decoders(frames: Frames, layouts: Sequence[MessageLayout], wanted: Mapping[str, Sequence[str]]) -> Decoders:
    """By key, for each length of payload that the frames have."""
    by_id = {layout.id: layout for layout in layouts if layout.name in wanted}
    lengths = {key_of(can_id, data): (by_id[can_id], len(data)) for can_id, data in frames if can_id in by_id}
    return {key: physical_decoder(layout, wanted[layout.name], length) for key, (layout, length) in lengths.items()}


def _decode(buffer: bytes, decoders: Decoders) -> None:
    for key, data in KEY_AND_PAYLOAD.iter_unpack(buffer):
        decode = decoders.get(key)
        if decode is not None:
            decode(data)


def _decode_by_cantools(frames: Frames, messages: Mapping[int, Message]) -> None:
    for can_id, data in frames:
        message = messages.get(can_id)
        if message is not None:
            message.decode(data, decode_choices=False, allow_truncated=True)


def _interleaved(cases: Mapping[str, Callable[[], None]]) -> dict[str, list[float]]:
    """CPU seconds of each case by round. In turn, so that a busy machine slows all of them alike."""
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, case in cases.items():
            start = time.process_time()
            case()
            seconds[name].append(time.process_time() - start)
    return seconds


def _wrong(
    frames: Frames, decoders: Decoders, messages: Mapping[int, Message], names: Mapping[str, Sequence[str]]
) -> int:
    """How many values differ from cantools', or are there in the one and not in the other."""
    wrong = 0
    for can_id, data in frames:
        message, decode = messages.get(can_id), decoders.get(key_of(can_id, data))
        if message is None or decode is None:
            wrong += (message is None) != (decode is None)
            continue
        expected = message.decode(data, decode_choices=False, allow_truncated=True)
        if not isinstance(expected, dict):
            raise TypeError(f"{message.name} is no message with signals")
        values = zip(names[message.name], decode(data), strict=True)
        wrong += sum(expected.get(name) != value for name, value in values)
    return wrong
