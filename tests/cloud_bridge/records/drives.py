"""Recorded drives, from frames to records: everything between, without the wire and the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from agent.bus.frame import Frame
from agent.bus.losses import Losses
from agent.bus.recording import Recording
from agent.gnss import recorded
from agent.plan.compiling import compile_plan
from agent.sampling.batch import Batch
from agent.sampling.sampler import Sampler
from cloud_bridge.records.fold import Stretch
from cloud_bridge.records.messages import messages
from cloud_bridge.records.model import Message, Value
from cloud_bridge.records.rules import Rules, rules
from cloud_bridge.records.timeline import thinned, timeline
from cloud_bridge.unify.unifier import Unifier
from contract.manifest import manifest_id
from contract.profile.profile import load_profile
from contract.upload import Anchor, AnchorSource, Reason, Upload
from tests.cloud_bridge.records.flows import VIN, Records, fold

PROFILES = Path(__file__).parents[3] / "config" / "vehicles"


class Drive(msgspec.Struct):
    """What a bridge makes of a recording."""

    unifier: Unifier
    rules: Rules
    stretches: list[Stretch]

    @property
    def messages(self) -> list[Message]:
        return [message for stretch in self.stretches for message in stretch.messages]

    @property
    def records(self) -> Records:
        return fold(self.stretches, self.rules)

    def said(self, datum: str) -> list[tuple[int, Value]]:
        """(Unix milliseconds, value) of each sample of a datum."""
        return [(message.at_ms, message.values[datum]) for message in self.messages if datum in message.values]


def drive(model: str, log: Path, nmea: Path | None = None) -> Drive:
    """The recording as the vehicle's own: on its clock, dated by the satellites or else by the recording."""
    file = PROFILES / f"{model}.toml"
    plan, profile = compile_plan(file), load_profile(file)
    losses = Losses()
    recording = Recording([log], plan.buses, {}, losses)
    frames = recording.batches()
    if nmea is not None:
        frames = recorded.merged(frames, recorded.fixes(nmea, recording.start_utc_ms, losses))
    unifier = Unifier(plan.manifest, profile)
    start_utc_ms = recording.start_utc_ms
    written = None if start_utc_ms is None else Anchor(0, start_utc_ms, 5000, AnchorSource.RECORDING)
    batches = list(_batches(Sampler(plan, 0), frames))
    dated = timeline(thinned(filter(None, [written, *[batch.anchor for batch in batches]])))
    assert dated is not None
    stretches = []
    for sequence, batch in enumerate(batches):
        upload = Upload(
            bytes(16), sequence, VIN, manifest_id(plan.manifest), batch.reason, batch.start_ms, batch.end_ms,
            batch.anchor, batch.ledger, batch.grids, batch.changes,
        )  # fmt: skip
        said = messages(unifier.unify(upload), dated, upload.boot[:8])
        ends = dated.utc_ms(upload.start_ms), dated.utc_ms(upload.end_ms)
        stretches.append(Stretch(*ends, said, upload.reason is Reason.SLEEP))
    return Drive(unifier, rules(VIN, profile), stretches)


def _batches(sampler: Sampler, frames: Iterator[list[Frame]]) -> Iterator[Batch]:
    for some in frames:
        yield from sampler.feed(some)
    last = sampler.close(2**62, Reason.SLEEP)
    if last is not None:
        yield last
