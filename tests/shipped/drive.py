"""A recording through the agent's sampler and the bridge's unifier: what a model says of it."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from agent.bus.recording import Recording
from agent.plan.compiling import compile_plan
from agent.sampling.sampler import Sampler
from cloud_bridge.records.model import Value
from cloud_bridge.unify.unifier import Unifier
from contract.upload import Anchor, Reason, Upload
from tests.agent.isotp.test_assembler import frames_of

ROOT = Path(__file__).resolve().parent.parent.parent


class Drive(NamedTuple):
    """What a recording says, as published data."""

    said: dict[str, list[tuple[int, Value]]]
    """(ms since the first frame, value), by datum."""
    raws: dict[str, list[int | None]]
    """What was sampled on the grids, by signal."""
    anchors: frozenset[Anchor]
    start_utc_ms: int

    def values(self, datum: str) -> list[Value]:
        return [value for _, value in self.said.get(datum, [])]

    def numbers(self, datum: str) -> list[float]:
        return [value for value in self.values(datum) if isinstance(value, int | float)]

    def changes(self, datum: str) -> list[tuple[int, Value]]:
        said = self.said.get(datum, [])
        return said[:1] + [new for old, new in pairwise(said) if old[1] != new[1]]

    def at(self, datum: str, at_ms: int) -> Value:
        """The newest value at a time."""
        said = self.said[datum]
        return said[bisect(said, at_ms, key=lambda sample: sample[0]) - 1][1]


@cache
def drive(model: str | Path, log: Path) -> Drive:
    plan = compile_plan(model if isinstance(model, Path) else ROOT / "config" / "vehicles" / f"{model}.toml")
    recording = Recording([log], buses=plan.buses)
    sampler = Sampler(plan, 0)
    batches, end_ms = [], 0
    for frames in recording.batches():
        batches += sampler.feed(frames)
        end_ms = frames[-1].at_ms
    last = sampler.close(end_ms, Reason.CADENCE)
    batches += [] if last is None else [last]
    unifier = Unifier(plan.manifest, plan.profile)
    assert unifier.absent == []
    said: dict[str, list[tuple[int, Value]]] = {}
    raws: dict[str, list[int | None]] = {}
    for sequence, batch in enumerate(batches):
        start_ms, end_ms, anchor = batch.start_ms, batch.end_ms, batch.anchor
        upload = Upload(
            *(bytes(16), sequence, "VF3ABCDE0FG123456", bytes(8), batch.reason, start_ms, end_ms, anchor),
            *(batch.ledger, batch.grids, batch.changes),
        )
        for grid in batch.grids:
            for signal, column in zip(plan.manifest.groups[grid.group].signals, grid.columns, strict=True):
                raws.setdefault(signal.name, []).extend(column)
        for sample in unifier.unify(upload):
            said.setdefault(sample.datum, []).append((sample.at_ms, sample.value))
    assert recording.start_utc_ms is not None
    return Drive(said, raws, frozenset(batch.anchor for batch in batches if batch.anchor), recording.start_utc_ms)


def answers(folder: Path, said: Sequence[tuple[float, int, str]]) -> Path:
    """A recording of answers: seconds, id and ISO-TP message."""
    lines = [
        f"({1627274455 + at_s + 0.01 * number:.3f}) can0 {ident:03X}#{frame.hex().upper()}"
        for at_s, ident, message in said
        for number, frame in enumerate(frames_of(bytes.fromhex(message)))
    ]
    return _written(folder, lines)


def recorded(folder: Path, said: Sequence[tuple[str, str, str]], *, seconds: int = 4) -> Path:
    """A recording in which each of some frames (bus, id and payload, in hexadecimal) is repeated each second."""
    lines = [
        f"({1627274455 + second + number / 1000:.3f}) {bus} {ident}#{payload.replace(' ', '')}"
        for second in range(seconds)
        for number, (bus, ident, payload) in enumerate(said)
    ]
    return _written(folder, lines)


def _written(folder: Path, lines: Sequence[str]) -> Path:
    """A file named after its content: what a file says is looked up the second time."""
    text = "\n".join(lines) + "\n"
    log = folder / f"{crc32(text.encode()):08x}.log"
    log.write_text(text)
    return log
